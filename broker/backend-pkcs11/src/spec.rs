//! What the operator says about a backend: its tokens, how to log in, and what calls may take.

use std::ffi::OsString;
use std::path::PathBuf;

use broker_core::name::BackendName;

/// Most sessions, so most threads, of one worker.
pub const SESSIONS_MAX: u8 = 64;
/// Most tokens behind one backend.
pub const TOKENS_MAX: usize = 8;

/// One backend: one or more tokens that hold the same keys.
#[derive(Debug, Clone)]
pub struct PkcsSpec {
    pub name: BackendName,
    /// In order of preference, 1 to [`TOKENS_MAX`]. New keys are made on the first; the others are clones of it.
    pub tokens: Vec<TokenSpec>,
    /// Where the lock files lie that keep two logins from running on one token: one folder for all brokers of the machine
    /// that use it, which no stranger may write to. Made when it is not there.
    pub lock_dir: PathBuf,
    /// Whether RSA-OAEP-256 may be done with the token's bare RSA operation and decoded here (RFC 8017 section 7.1.2),
    /// where the token has no OAEP with SHA-256.
    pub raw_rsa: bool,
    pub limits: Limits,
    pub worker: WorkerCommand,
}

/// One token and how to get at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenSpec {
    /// The vendor's PKCS#11 module.
    pub module: PathBuf,
    pub token: TokenName,
    pub pin: PinSource,
    /// Sessions, each on a thread of its own: 1 to [`SESSIONS_MAX`].
    pub sessions: u8,
    pub sandbox: Sandbox,
    /// The whole environment of the worker, but for the PIN's variable: what the module reads and nothing else.
    pub environment: Vec<(OsString, OsString)>,
}

/// What the worker is kept from by the system, beyond core dumps, debuggers, new privileges and strangers' descriptors,
/// which it never has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sandbox {
    /// Nothing more: for a module that starts a program of its vendor.
    None,
    /// It starts no program and looks into no other process; it mounts, loads and traces nothing.
    Seccomp,
}

/// Which of a module's tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenName {
    /// CKA_LABEL of the token, without the blanks at its end. Must be the only token of that label.
    Label(String),
    /// Its serial number, which no two tokens of a vendor share.
    Serial(String),
}

/// Where the user's PIN is read, each time it is needed; never the PIN itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PinSource {
    /// Of the worker. It stays in the process's environment, where root can read it; a file does not.
    Environment(String),
    /// At most 256 bytes; a line's end at its end does not count.
    File(PathBuf),
}

/// The program that becomes the worker, by its path, and the words after it.
#[derive(Debug, Clone)]
pub struct WorkerCommand {
    pub program: PathBuf,
    pub arguments: Vec<OsString>,
}

/// What calls may take, of time and of room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Wall time of a call in the worker. One that takes longer is refused and its worker killed.
    pub call_ms_max: u64,
    /// The same for calls that make a key: RSA-4096 takes seconds.
    pub generate_ms_max: u64,
    /// Wall time from the start of a worker until it has logged in. Kills in a login can destroy a token (SoftHSM), so
    /// it is long.
    pub login_ms_max: u64,
    /// How long a call waits for a session or for a worker that restarts, beyond its own time.
    pub queue_ms_max: u64,
    /// How many calls may wait so at one token; the next is refused at once.
    pub queue_calls_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            call_ms_max: 2_000,
            generate_ms_max: 60_000,
            login_ms_max: 30_000,
            queue_ms_max: 1_000,
            queue_calls_max: 1_024,
        }
    }
}
