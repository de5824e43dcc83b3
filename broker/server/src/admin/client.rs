//! The other end, for the commands: one request, one reply.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

use super::wire::{Ask, LINE_BYTES_MAX, Reply};

/// Asks the running broker.
///
/// # Errors
/// No broker answers there, or it refused; the message is the broker's own.
pub fn ask(socket: &Path, ask: &Ask) -> Result<Reply> {
    ask_for_more(socket, ask).map(|(reply, _)| reply)
}

/// The same, with what follows the reply's line.
///
/// # Errors
/// As [`ask`].
pub fn ask_for_more(socket: &Path, ask: &Ask) -> Result<(Reply, BufReader<UnixStream>)> {
    let mut stream = UnixStream::connect(socket)
        .with_context(|| format!("{}: no broker answers here; is `keybroker serve` running?", socket.display()))?;
    let mut line = serde_json::to_vec(ask)?;
    line.push(b'\n');
    stream.write_all(&line)?;
    let mut reply = String::new();
    let mut stream = BufReader::new(stream);
    (&mut stream).take(LINE_BYTES_MAX as u64).read_line(&mut reply)?;
    match serde_json::from_str(&reply).context("the broker's reply makes no sense; are both of the same version?")? {
        Reply::Refused { reason, message, request } => bail!("{message} ({reason}, request {request})"),
        reply => Ok((reply, stream)),
    }
}
