//! The control file: which calls are to be broken, and how.

use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::sync::mpsc;
use std::time::Duration;

use cryptoki_sys::{
    CK_RV, CKR_DEVICE_ERROR, CKR_DEVICE_REMOVED, CKR_GENERAL_ERROR, CKR_SESSION_HANDLE_INVALID, CKR_TOKEN_NOT_PRESENT,
    CKR_USER_NOT_LOGGED_IN, CKR_VENDOR_DEFINED,
};
use rustix::fs::{FlockOperation, flock};

/// What happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It answers so, and does nothing.
    Answer(CK_RV),
    /// The process aborts before it.
    Crash,
    /// The process aborts when it is done, before anyone hears of it.
    CrashAfter,
    /// The same, with the private half of a new pair destroyed.
    CrashHalf,
    /// It starts a program; the process aborts if it may.
    Exec,
    /// It never returns.
    Hang,
    /// It takes so much longer.
    Slow(Duration),
}

impl Fault {
    fn of_word(word: &str) -> Option<Self> {
        Some(match word {
            "crash" => Self::Crash,
            "crash-after" => Self::CrashAfter,
            "crash-half" => Self::CrashHalf,
            "device-error" => Self::Answer(CKR_DEVICE_ERROR),
            "device-removed" => Self::Answer(CKR_DEVICE_REMOVED),
            "exec" => Self::Exec,
            "general-error" => Self::Answer(CKR_GENERAL_ERROR),
            "hang" => Self::Hang,
            "session-handle-invalid" => Self::Answer(CKR_SESSION_HANDLE_INVALID),
            "token-not-present" => Self::Answer(CKR_TOKEN_NOT_PRESENT),
            "user-not-logged-in" => Self::Answer(CKR_USER_NOT_LOGGED_IN),
            "vendor" => Self::Answer(CKR_VENDOR_DEFINED + 42),
            slow => Self::Slow(Duration::from_millis(slow.strip_prefix("slow-ms:")?.parse().ok()?)),
        })
    }
}

/// What happens to this call of this function; counts it.
pub fn next(function: &str) -> Option<Fault> {
    let path = std::env::var_os("HSM_SHIM_CONTROL")?;
    let mut file = File::options().read(true).write(true).open(path).ok()?;
    flock(&file, FlockOperation::LockExclusive).ok()?;
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    let (fault, rest) = take(&text, function)?;
    file.rewind().ok()?;
    file.set_len(0).ok()?;
    file.write_all(rest.as_bytes()).ok()?;
    Some(fault)
}

/// The first fault for a function, and the text with it counted down.
fn take(text: &str, function: &str) -> Option<(Fault, String)> {
    let mut taken = None;
    let mut rest = String::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (fault, times) = match words[..] {
            [name, fault, times] if name == function && taken.is_none() => {
                (Fault::of_word(fault), times.parse::<u32>().unwrap_or(0))
            }
            _ => (None, 0),
        };
        match fault {
            Some(fault) if times > 0 => {
                taken = Some(fault);
                if times > 1 {
                    rest.push_str(&format!("{} {} {}\n", words[0], words[1], times - 1));
                }
            }
            _ => rest.push_str(&format!("{line}\n")),
        }
    }
    taken.map(|fault| (fault, rest))
}

/// # Panics
/// Never: it aborts where the program was started.
pub fn exec() {
    if std::process::Command::new("/bin/true").status().is_ok() {
        std::process::abort();
    }
}

pub fn hang() {
    loop {
        std::thread::park();
    }
}

pub fn wait(time: Duration) {
    // Nobody sends: this waits for the whole time.
    let (_keep, never) = mpsc::channel::<()>();
    let _ = never.recv_timeout(time);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_counted_down_and_each_meets_its_own_function() {
        let text = "C_Sign hang 2\nC_Decrypt device-removed 1\n";
        assert_eq!(take(text, "C_Login"), None);
        let (fault, rest) = take(text, "C_Sign").expect("told");
        assert_eq!((fault, rest.as_str()), (Fault::Hang, "C_Sign hang 1\nC_Decrypt device-removed 1\n"));
        let (fault, rest) = take(&rest, "C_Decrypt").expect("told");
        assert_eq!((fault, rest.as_str()), (Fault::Answer(CKR_DEVICE_REMOVED), "C_Sign hang 1\n"));
        assert_eq!(take(&rest, "C_Sign"), Some((Fault::Hang, String::new())));
        assert_eq!(
            take("C_Sign slow-ms:20 1", "C_Sign").map(|told| told.0),
            Some(Fault::Slow(Duration::from_millis(20)))
        );
        assert_eq!(take("C_Sign nonsense 1", "C_Sign"), None);
    }
}
