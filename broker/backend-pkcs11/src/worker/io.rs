//! The two ends of the socket, each shared by all threads. A message is a whole frame, taken or sent by one system call: no
//! thread waits for another's.

use std::io::{self, Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};

use zeroize::{Zeroize as _, Zeroizing};

use crate::wire::{MESSAGE_BYTES_MAX, Reply, Request, frame_of};

/// Where requests come in. Whoever is free takes the next one, so none waits behind a slow call while a session is idle.
pub struct Inlet {
    socket: UnixStream,
    closed: AtomicBool,
}

/// Where one thread receives its requests.
pub struct Tray(Zeroizing<Vec<u8>>);

impl Tray {
    pub fn new() -> Self {
        Self(Zeroizing::new(vec![0; MESSAGE_BYTES_MAX]))
    }
}

impl Inlet {
    pub fn new(socket: UnixStream) -> Self {
        Self { socket, closed: AtomicBool::new(false) }
    }

    /// The next request; none when the broker is gone, or writes what is no request.
    pub fn next(&self, tray: &mut Tray) -> Option<(u64, Request)> {
        if self.is_closed() {
            return None;
        }
        let request = self.receive(tray);
        if request.is_none() {
            self.closed.store(true, Ordering::Release);
            // The others wait for requests; the answers under way still go out.
            let _gone = self.socket.shutdown(Shutdown::Read);
        }
        request
    }

    fn receive(&self, Tray(buffer): &mut Tray) -> Option<(u64, Request)> {
        let received = loop {
            match (&self.socket).read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                received => break received.ok()?,
            }
        };
        // Nothing is no frame either.
        let message = &mut buffer[..received];
        let request = frame_of(message).and_then(Request::decode);
        message.zeroize();
        request.ok()
    }

    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }
}

/// Where answers go out.
pub struct Outlet(UnixStream);

impl Outlet {
    pub fn new(socket: UnixStream) -> Self {
        Self(socket)
    }

    /// # Errors
    /// The broker is gone.
    pub fn say(&self, call: u64, reply: &Reply) -> io::Result<()> {
        let frame = reply.encode(call).map_err(io::Error::other)?;
        (&self.0).write_all(frame.expose())
    }

    /// Lets no further request in: the threads end when they have answered what they work on.
    pub fn retire(&self) {
        let _ = self.0.shutdown(Shutdown::Read);
    }
}
