//! The child process: loads a stranger's C, logs in, and answers the broker over the socket that is its standard input.
//!
//! It ends when that socket closes. It never ends by a signal that asks: the broker above it may still be finishing
//! requests, and an end within a login can destroy a token.

mod confine;
mod fault;
mod handles;
mod io;
mod keys;
mod login;
mod session;
mod sweep;
mod template;
mod verb;

use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use crate::spec::Sandbox;
use crate::wire::{Reply, Request, UNASKED, WhyRefused};
use io::{Inlet, Outlet, Tray};
use login::Token;
use session::Desk;

/// How long calls under way may take to end once the socket has closed.
const GRACE: Duration = Duration::from_secs(5);

/// The worker's whole life. The caller's process becomes the worker: call it first thing, before any thread or file is
/// opened, with the broker's socket as standard input.
#[must_use]
pub fn run() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// Why a worker ends early. The broker has been told, if it could be.
struct Ended;

fn serve() -> Result<(), Ended> {
    confine::confine().map_err(|_| Ended)?;
    // The flags are never read: being registered is enough for the signals not to end the process.
    for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT, signal_hook::consts::SIGHUP] {
        signal_hook::flag::register(signal, Arc::new(AtomicBool::new(false))).map_err(|_| Ended)?;
    }
    let socket = std::io::stdin().as_fd().try_clone_to_owned().map_err(|_| Ended)?;
    let socket = UnixStream::from(socket);
    let outlet = Arc::new(Outlet::new(socket.try_clone().map_err(|_| Ended)?));
    let inlet = Arc::new(Inlet::new(socket));
    let Some((call, Request::Begin(begin))) = inlet.next(&mut Tray::new()) else { return Err(Ended) };
    if begin.sandbox == Sandbox::Seccomp
        && let Err(error) = confine::deny_calls()
    {
        let cause = format!("seccomp: {error}; sandbox = \"none\" does without");
        let _ = outlet.say(call, &Reply::refused(WhyRefused::Module, cause));
        return Err(Ended);
    }
    let sessions = begin.sessions;
    let login_max = Duration::from_millis(begin.login_ms_max);
    let (token, facts) = match Token::open(*begin, Arc::clone(&outlet)) {
        Ok(opened) => opened,
        Err((why, cause)) => {
            let _ = outlet.say(call, &Reply::refused(why, cause));
            return Err(Ended);
        }
    };
    let token = Arc::new(token);
    let (ended, ends) = mpsc::channel();
    for number in 0..sessions {
        let mut desk = Desk::new(Arc::clone(&token));
        let (requests, answers, ended) = (Arc::clone(&inlet), Arc::clone(&outlet), ended.clone());
        let thread = move || {
            desk.work(&requests, &answers);
            let _ = ended.send(());
        };
        if std::thread::Builder::new().name(format!("session-{number}")).spawn(thread).is_err() {
            let _ = outlet.say(call, &Reply::refused(WhyRefused::Token, "no thread for a session"));
            return Err(Ended);
        }
    }
    drop(ended);
    outlet.say(call, &Reply::Ready(facts)).map_err(|_| Ended)?;
    let sweeper = Arc::clone(&token);
    // Without it, each key is looked for when it is first used.
    let _no_thread = std::thread::Builder::new().name("sweep".into()).spawn(move || sweep::sweep(&sweeper));
    let all_ended = wait_for_all(&ends, sessions, &inlet);
    leave(&token, all_ended, login_max)
}

/// Waits until the socket has closed and every thread has put its call away, or its grace is over.
fn wait_for_all(ends: &mpsc::Receiver<()>, sessions: u8, inlet: &Inlet) -> bool {
    let mut left = sessions;
    while left > 0 {
        let end =
            if inlet.is_closed() { ends.recv_timeout(GRACE).map_err(|_| ()) } else { ends.recv().map_err(|_| ()) };
        match end {
            Ok(()) => left -= 1,
            Err(()) => return false,
        }
    }
    true
}

/// Ends the process. With no thread in the module it says goodbye to the token; else it just stops, but not within a login.
fn leave(token: &Token, all_ended: bool, login_max: Duration) -> Result<(), Ended> {
    if all_ended {
        token.finish();
        return Ok(());
    }
    token.outlast_login(login_max);
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    Err(Ended)
}

/// A notice that answers no call.
fn notify(outlet: &Outlet, notice: &Reply) {
    // The broker being gone shows at the inlet.
    let _ = outlet.say(UNASKED, notice);
}
