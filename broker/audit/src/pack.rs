//! Compresses closed segments: the compressed one is durable and read back before the plain one goes.

use std::fs::{self, File};
use std::io::{self, Read, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;

use broker_crypto::digest::Sha256;
use flate2::Compression;
use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;

use crate::chain::Digest;
use crate::checkpoint::sync_folder_of;
use crate::folder::{Folder, Forms};

const PIECE_BYTES: usize = 128 << 10;
/// The thread's nice value: requests come first.
const NICE: i32 = 15;

/// Compresses each segment that it is told of, until the other end is dropped or `stopping` is set.
pub fn run(folder: &Folder, closed: &Receiver<u32>, stopping: &AtomicBool) {
    // On Linux this is the calling thread's own. Without leave it runs at the same rank as all others.
    let _without_leave = rustix::process::setpriority_process(None, NICE);
    while let Ok(segment) = closed.recv() {
        if let Err(error) = pack(folder, segment, stopping) {
            if stopping.load(Ordering::Relaxed) {
                return;
            }
            tracing::warn!(segment, %error, "a closed audit segment could not be compressed; it stays as it is until the next start");
        }
    }
}

/// What to do at start-up: removes what a crash left of an unfinished compression, and gives the segments that still wait
/// for theirs.
///
/// # Errors
/// The folder cannot be read, or something in it not removed.
pub fn tidy(folder: &Folder, segments: &[(u32, Forms)]) -> io::Result<Vec<u32>> {
    for entry in fs::read_dir(&folder.0)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "tmp") {
            fs::remove_file(path)?;
        }
    }
    let closed = segments.split_last().map_or(&[][..], |(_open, closed)| closed);
    Ok(closed.iter().filter(|(_, forms)| forms.plain).map(|(segment, _)| *segment).collect())
}

/// Puts the compressed form of a closed segment in the plain one's place. Killed anywhere, it leaves the segment readable
/// in at least one form, and can be done again.
///
/// # Errors
/// It cannot be read, written or read back, or `stopping` was set; the plain one stands.
pub fn pack(folder: &Folder, segment: u32, stopping: &AtomicBool) -> io::Result<()> {
    let (plain, packed) = (folder.plain(segment), folder.packed(segment));
    let temporary = packed.with_extension("gz.tmp");
    let written = compress(&plain, &temporary, stopping).and_then(|digest| {
        let unpacked = digest_of(MultiGzDecoder::new(io::BufReader::new(File::open(&temporary)?)), stopping)?;
        (unpacked == digest)
            .then_some(())
            .ok_or_else(|| io::Error::other("what was written reads back as something else"))
    });
    written.and_then(|()| fs::rename(&temporary, &packed)).inspect_err(|_| {
        // If this fails too, the next start removes it.
        let _left = fs::remove_file(&temporary);
    })?;
    sync_folder_of(&packed)?;
    fs::remove_file(&plain)?;
    sync_folder_of(&plain)
}

fn compress(plain: &Path, to: &Path, stopping: &AtomicBool) -> io::Result<Digest> {
    let file = File::options().write(true).create(true).truncate(true).mode(0o600).open(to)?;
    let mut encoder = GzEncoder::new(file, Compression::default());
    let mut digest = Sha256::new();
    each_piece(File::open(plain)?, stopping, |piece| {
        digest.update(piece);
        encoder.write_all(piece)
    })?;
    encoder.finish()?.sync_all()?;
    Ok(digest.finish())
}

fn digest_of(from: impl Read, stopping: &AtomicBool) -> io::Result<Digest> {
    let mut digest = Sha256::new();
    each_piece(from, stopping, |piece| {
        digest.update(piece);
        Ok(())
    })?;
    Ok(digest.finish())
}

fn each_piece(
    mut from: impl Read,
    stopping: &AtomicBool,
    mut act: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        if stopping.load(Ordering::Relaxed) {
            return Err(io::Error::other("the log is being closed"));
        }
        match from.read(&mut piece)? {
            0 => return Ok(()),
            bytes => act(&piece[..bytes])?,
        }
    }
}
