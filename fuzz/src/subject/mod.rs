//! One module a target; `check` takes any bytes and panics when something of its module's claims does not hold.

pub mod audit;
pub mod backup;
pub mod certificate;
pub mod config;
pub mod ekm;
pub mod keyvault;
pub mod kmip;
pub mod material;
pub mod name;
pub mod plugin;
pub mod worker;

/// The first byte of an input says which of a module's questions it is for.
fn question(bytes: &[u8], questions: u8) -> Option<(u8, &[u8])> {
    bytes.split_first().map(|(first, rest)| (first % questions, rest))
}

/// Pieces that carry their length (2 bytes, big-endian, cut to what there is) in front.
fn pieces(bytes: &[u8]) -> Vec<&[u8]> {
    let (mut pieces, mut rest) = (Vec::new(), bytes);
    while let Some(([high, low], after)) = rest.split_first_chunk() {
        let length = usize::from(u16::from_be_bytes([*high, *low])).min(after.len());
        let (piece, after) = after.split_at(length);
        pieces.push(piece);
        rest = after;
    }
    pieces
}

/// A folder in memory where there is one: inputs are files for a moment.
fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("there is a place for temporary files")
}
