//! The socket: mode 0600, one broker at a time, a line with a limit.

use std::io::Read as _;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use broker_core::entry::{Asker, Front, Peer};
use broker_core::name::Principal;
use broker_store_sqlite::StoreCopy;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::unix::OwnedWriteHalf;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;

use super::perform::Desk;
use super::wire::{Ask, LINE_BYTES_MAX, Reply};
use crate::assemble::request_id;

/// How long a peer may take for its line.
const LINE_WAIT_MAX: Duration = Duration::from_secs(30);
/// What of a copy goes out at once.
const PIECE_BYTES: usize = 256 << 10;

/// The bound socket; its file goes away with it.
pub struct Door {
    listener: UnixListener,
    path: PathBuf,
}

impl Door {
    /// Binds the socket. A file left behind by a broker that is gone is replaced; anything else there is not touched.
    ///
    /// # Errors
    /// Another broker answers there, or the path cannot be bound.
    pub fn bind(path: &Path) -> Result<Self> {
        if let Ok(there) = std::fs::symlink_metadata(path) {
            ensure!(there.file_type().is_socket(), "{}: there is something else than a socket", path.display());
            ensure!(
                std::os::unix::net::UnixStream::connect(path).is_err(),
                "{}: another broker answers there",
                path.display()
            );
            std::fs::remove_file(path).with_context(|| path.display().to_string())?;
        }
        let listener = UnixListener::bind(path).with_context(|| format!("{}: cannot bind", path.display()))?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
        Ok(Self { listener, path: path.to_owned() })
    }

    /// Serves until the broker stops.
    pub async fn run(self, desk: Arc<Desk>, mut stopping: watch::Receiver<bool>) {
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = crate::listen::stopped(&mut stopping) => return,
            };
            match accepted {
                Ok((stream, _)) => {
                    let desk = Arc::clone(&desk);
                    tokio::spawn(async move {
                        if let Err(error) = converse(stream, &desk).await {
                            tracing::debug!(%error, "a conversation on the admin socket ended early");
                        }
                    });
                }
                Err(error) => tracing::warn!(%error, "cannot accept on the admin socket"),
            }
        }
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        // Best effort: what stays behind is replaced at the next start.
        let _gone = std::fs::remove_file(&self.path);
    }
}

async fn converse(stream: UnixStream, desk: &Arc<Desk>) -> Result<()> {
    let uid = stream.peer_cred()?.uid();
    let principal = Principal::parse(&format!("local/uid:{uid}"))?;
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::new(read);
    loop {
        let mut line = Vec::new();
        let mut limited = (&mut read).take(LINE_BYTES_MAX as u64);
        tokio::time::timeout(LINE_WAIT_MAX, limited.read_until(b'\n', &mut line)).await??;
        if line.is_empty() {
            return Ok(());
        }
        let asker = Asker {
            request: request_id(),
            client_request_id: None,
            principal: principal.clone(),
            fingerprint_sha256: None,
            peer: Peer::Here("unix socket"),
            front: Front::Admin,
            proof: None,
            journal: None,
        };
        let mut copied = None;
        let reply = match serde_json::from_slice::<Ask>(&line) {
            Ok(Ask::BackupStore {}) => {
                let desk = Arc::clone(desk);
                let reply;
                (reply, copied) = tokio::spawn(async move { desk.copy_store(&asker).await }).await?;
                reply
            }
            Ok(ask) => {
                let desk = Arc::clone(desk);
                tokio::spawn(async move { desk.perform(&asker, ask).await }).await?
            }
            Err(error) => Reply::Refused {
                reason: "bad-request".to_owned(),
                message: format!("not a request this broker knows: {error}"),
                request: asker.request.to_string(),
            },
        };
        let mut bytes = serde_json::to_vec(&reply)?;
        bytes.push(b'\n');
        write.write_all(&bytes).await?;
        if let Some(copied) = copied {
            send(copied, &mut write).await?;
        }
    }
}

/// A copy of the store, piece by piece; a peer that takes none of it in time has gone.
async fn send(mut copied: StoreCopy, write: &mut OwnedWriteHalf) -> Result<()> {
    tokio::time::timeout(LINE_WAIT_MAX, write.write_all(&copied.front)).await??;
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        // Read where it may block: the file was read a moment ago, and a disk that hangs must stop nobody else.
        let (count, back, kept) = tokio::task::spawn_blocking(move || {
            let count = copied.body.read(&mut piece);
            (count, piece, copied)
        })
        .await?;
        (piece, copied) = (back, kept);
        match count? {
            0 => return Ok(()),
            count => tokio::time::timeout(LINE_WAIT_MAX, write.write_all(&piece[..count])).await??,
        }
    }
}
