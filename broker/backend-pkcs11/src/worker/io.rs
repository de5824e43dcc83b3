//! The two ends of the socket, each shared by all threads.

use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use zeroize::Zeroizing;

use crate::wire::{LENGTH_BYTES, Reply, Request, frame_bytes};

/// Where requests come in. Whoever is free takes the next one, so none waits behind a slow call while a session is idle.
pub struct Inlet {
    socket: Mutex<UnixStream>,
    closed: AtomicBool,
}

impl Inlet {
    pub fn new(socket: UnixStream) -> Self {
        Self { socket: Mutex::new(socket), closed: AtomicBool::new(false) }
    }

    /// The next request; none when the broker is gone, or writes what is no request.
    pub fn next(&self) -> Option<(u64, Request)> {
        let mut socket = self.socket.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_closed() {
            return None;
        }
        let request = read(&mut socket);
        if request.is_none() {
            self.closed.store(true, Ordering::Release);
        }
        request
    }

    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }
}

fn read(socket: &mut UnixStream) -> Option<(u64, Request)> {
    let mut length = [0; LENGTH_BYTES];
    socket.read_exact(&mut length).ok()?;
    let mut payload = Zeroizing::new(vec![0; frame_bytes(length).ok()?]);
    socket.read_exact(&mut payload).ok()?;
    Request::decode(&payload).ok()
}

/// Where answers go out, whole frames at a time.
pub struct Outlet(Mutex<UnixStream>);

impl Outlet {
    pub fn new(socket: UnixStream) -> Self {
        Self(Mutex::new(socket))
    }

    /// # Errors
    /// The broker is gone.
    pub fn say(&self, call: u64, reply: &Reply) -> std::io::Result<()> {
        let frame = reply.encode(call).map_err(std::io::Error::other)?;
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write_all(frame.expose())
    }

    /// Lets no further request in: the threads end when they have answered what they work on.
    pub fn retire(&self) {
        let _ = self.0.lock().unwrap_or_else(PoisonError::into_inner).shutdown(Shutdown::Read);
    }
}
