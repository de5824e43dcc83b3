//! The broker's end of the socket to a worker.
//!
//! It carries whole messages (`SOCK_SEQPACKET`): whichever thread of the worker is free takes the next one with one system
//! call and without a lock, and neither end ever holds half a frame.

use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use rustix::net::sockopt;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use zeroize::{Zeroize as _, Zeroizing};

use crate::wire::{MESSAGE_BYTES_MAX, Reply, frame_of};

/// What the system counts for a message beside its bytes, at most.
const MESSAGE_OVERHEAD_BYTES: usize = 4096;

/// Shared by all calls. The worker ends when it is dropped.
pub struct Socket(AsyncFd<UnixStream>);

impl Socket {
    /// Ours, and the worker's standard input.
    ///
    /// # Errors
    /// The system has no more descriptors, or allows no message of the largest size.
    pub fn pair() -> io::Result<(Self, OwnedFd)> {
        let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        for end in [&ours, &theirs] {
            // The system doubles what it is told.
            sockopt::set_socket_send_buffer_size(end, MESSAGE_BYTES_MAX)?;
            if sockopt::socket_send_buffer_size(end)? < MESSAGE_BYTES_MAX + MESSAGE_OVERHEAD_BYTES {
                let cause = format!("net.core.wmem_max allows no messages of {MESSAGE_BYTES_MAX} bytes; raise it");
                return Err(io::Error::other(cause));
            }
        }
        let ours = UnixStream::from(ours);
        ours.set_nonblocking(true)?;
        // To be told of room to write as well would mean to be woken by each message that the worker takes.
        Ok((Self(watched(ours, Interest::READABLE)?), theirs))
    }

    /// Sends a message, whole.
    ///
    /// # Errors
    /// The worker is gone.
    pub async fn send(&self, message: &[u8]) -> io::Result<()> {
        loop {
            match self.0.get_ref().write(message) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let full = watched(self.0.get_ref().try_clone()?, Interest::WRITABLE)?;
                    let _room = full.writable().await?;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                sent => return sent.map(drop),
            }
        }
    }

    async fn receive(&self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let mut ready = self.0.readable().await?;
            match ready.try_io(|socket| socket.get_ref().read(into)) {
                Ok(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(received) => return received,
                Err(_nothing_there) => {}
            }
        }
    }
}

#[allow(deprecated)] // its fault is that a type may close its descriptor early; the standard library's own streams do not
fn watched(stream: UnixStream, interest: Interest) -> io::Result<AsyncFd<UnixStream>> {
    AsyncFd::with_interest(stream, interest)
}

/// Where a worker's replies are received.
pub struct Replies(Zeroizing<Vec<u8>>);

impl Replies {
    pub fn new() -> Self {
        Self(Zeroizing::new(vec![0; MESSAGE_BYTES_MAX]))
    }

    /// The next reply, and the call that it answers.
    ///
    /// # Errors
    /// The socket closed, or said what is no reply.
    pub async fn next(&mut self, socket: &Socket) -> Result<(u64, Reply), String> {
        let received = socket.receive(&mut self.0).await.map_err(|error| format!("the worker ended: {error}"))?;
        if received == 0 {
            return Err("the worker ended".to_owned());
        }
        let message = &mut self.0[..received];
        let reply = frame_of(message).and_then(Reply::decode);
        message.zeroize();
        reply.map_err(|error| format!("the worker's answer: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{FRAME_BYTES_MAX, LENGTH_BYTES};

    fn largest() -> Vec<u8> {
        let mut message = u32::try_from(FRAME_BYTES_MAX).unwrap().to_be_bytes().to_vec();
        message.resize(LENGTH_BYTES + FRAME_BYTES_MAX, 7);
        message
    }

    #[tokio::test]
    async fn messages_of_the_largest_size_come_whole_while_the_other_end_lags_behind() {
        let (socket, theirs) = Socket::pair().unwrap();
        let mut theirs = UnixStream::from(theirs);
        let read = tokio::task::spawn_blocking(move || {
            let mut buffer = vec![0; MESSAGE_BYTES_MAX + 1];
            let lengths: Vec<_> = (0..20).map(|_| theirs.read(&mut buffer).unwrap()).collect();
            assert!(buffer.starts_with(&largest()));
            lengths
        });
        for _ in 0..20 {
            socket.send(&largest()).await.unwrap();
        }
        assert_eq!(read.await.unwrap(), [MESSAGE_BYTES_MAX; 20]);
        assert!(socket.send(b"nobody there").await.is_err());
    }

    #[tokio::test]
    async fn what_is_no_reply_ends_it_and_is_not_left_in_memory() {
        let (socket, theirs) = Socket::pair().unwrap();
        let mut theirs = UnixStream::from(theirs);
        let mut replies = Replies::new();
        for wrong in [&b"\0\0\0\x05four"[..], b"\0\0\0\x03four", b"\0\0", b"\xff\xff\xff\xffx", b"\0\0\0\0"] {
            assert_eq!(theirs.write(wrong).unwrap(), wrong.len());
            assert!(replies.next(&socket).await.unwrap_err().starts_with("the worker's answer"), "{wrong:?}");
            assert!(replies.0.iter().all(|byte| *byte == 0));
        }
        let reply = Reply::Done.encode(5).unwrap();
        theirs.write_all(reply.expose()).unwrap();
        assert!(matches!(replies.next(&socket).await, Ok((5, Reply::Done))));
        drop(theirs);
        assert_eq!(replies.next(&socket).await.unwrap_err(), "the worker ended");
    }
}
