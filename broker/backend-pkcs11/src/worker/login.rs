//! Getting at the token: the module, the slot, the PIN, the one login for all sessions.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::MechanismType;
use cryptoki::session::{Session, UserType};
use cryptoki::slot::{Slot, TokenInfo};
use cryptoki::types::RawAuthPin;
use rustix::fs::{FlockOperation, OFlags, flock};
use zeroize::Zeroizing;

use super::fault::{Class, Trouble, class};
use super::handles::Handles;
use super::io::Outlet;
use super::notify;
use crate::quirk::{self, Quirk};
use crate::spec::{PinSource, TokenName};
use crate::wire::{Begin, Fault, Mechanism, Reply, TokenFacts, WhyRefused};

const PIN_BYTES_MAX: usize = 256;
/// Most sessions opened in place of lost ones. The lost are never closed: SoftHSM crashes when sessions are closed while
/// others work. A worker that needs more ends itself and is started afresh.
const REOPENED_MAX: u64 = 256;

/// The mechanisms that the broker knows what to do with.
pub const KNOWN: &[MechanismType] = &[
    MechanismType::AES_KEY_GEN,
    MechanismType::AES_KEY_WRAP,
    MechanismType::ECC_KEY_PAIR_GEN,
    MechanismType::ECDSA,
    MechanismType::RSA_PKCS,
    MechanismType::RSA_PKCS_KEY_PAIR_GEN,
    MechanismType::RSA_PKCS_OAEP,
    MechanismType::RSA_PKCS_PSS,
    MechanismType::RSA_X_509,
];

/// A token that was logged in to.
pub struct Token {
    begin: Begin,
    module: Pkcs11,
    slot: Slot,
    pub quirk: Quirk,
    pub handles: Handles,
    outlet: Arc<Outlet>,
    /// The session of the first login, until the sweep takes it.
    first: Mutex<Option<Session>>,
    /// Counts logins; also what a thread holds while it logs in.
    login: Mutex<()>,
    logins: AtomicU64,
    reopened: AtomicU64,
}

/// Why a worker cannot begin.
type Refused = (WhyRefused, String);

impl Token {
    /// Loads the module, finds the token and logs in.
    ///
    /// # Errors
    /// Why not, and whether trying again makes sense.
    pub fn open(begin: Begin, outlet: Arc<Outlet>) -> Result<(Self, TokenFacts), Refused> {
        let load = |error: Error| (WhyRefused::Module, format!("module {}: {error}", begin.module.display()));
        let module = Pkcs11::new(&begin.module).map_err(load)?;
        module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)).map_err(unreachable_token)?;
        let (slot, info) = find_slot(&module, &begin.token)?;
        let quirk = quirk::of(info.model());
        let login = login_once(&module, slot, &begin)?;
        let facts = TokenFacts {
            mechanisms: mechanisms(&module, slot).map_err(unreachable_token)?,
            manufacturer: info.manufacturer_id().to_owned(),
            model: info.model().to_owned(),
            serial: info.serial_number().to_owned(),
        };
        let token = Self {
            begin,
            module,
            slot,
            quirk,
            handles: Handles::default(),
            outlet,
            first: Mutex::new(Some(login)),
            login: Mutex::new(()),
            logins: AtomicU64::new(1),
            reopened: AtomicU64::new(0),
        };
        Ok((token, facts))
    }

    /// A number that grows with every login.
    pub fn logins(&self) -> u64 {
        self.logins.load(Ordering::Acquire)
    }

    pub fn allows_raw_rsa(&self) -> bool {
        self.begin.raw_rsa
    }

    pub fn open_session(&self) -> Result<Session, Trouble> {
        if self.reopened.fetch_add(1, Ordering::Relaxed) > REOPENED_MAX + u64::from(self.begin.sessions) {
            return Err(Trouble::Ours(Fault::TokenLost, "too many sessions were lost"));
        }
        Ok(self.module.open_rw_session_no_drop(self.slot)?)
    }

    /// Logs in again, unless another thread did so since the caller last looked (`seen`).
    pub fn log_in_again(&self, seen: u64) -> Result<(), Trouble> {
        let _turn = self.turn();
        if self.logins() != seen {
            return Ok(());
        }
        notify(&self.outlet, &Reply::LoggingIn);
        let login = login_once(&self.module, self.slot, &self.begin);
        notify(&self.outlet, &Reply::LoggedIn);
        match login {
            Ok(session) => {
                std::mem::forget(session);
                self.handles.forget_all();
                self.logins.fetch_add(1, Ordering::Release);
                Ok(())
            }
            Err((why, cause)) => {
                // A wrong PIN must reach the broker as what it is, for it must not try once more.
                notify(&self.outlet, &Reply::refused(why, cause));
                Err(Trouble::Ours(Fault::TokenLost, "logging in again failed"))
            }
        }
    }

    /// The session of the first login, once. It must stay open: a token logs out when its last session closes.
    pub fn take_first_session(&self) -> Option<Session> {
        self.first.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Says goodbye. No thread may be in the module.
    pub fn finish(&self) {
        let _ = self.module.clone().finalize();
    }

    /// Waits until no login is under way, so long at most.
    pub fn outlast_login(&self, most: Duration) {
        let until = Instant::now() + most;
        while let Err(TryLockError::WouldBlock) = self.login.try_lock() {
            if Instant::now() >= until {
                return;
            }
            std::thread::park_timeout(Duration::from_millis(10));
        }
    }

    fn turn(&self) -> MutexGuard<'_, ()> {
        self.login.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unreachable_token(error: Error) -> Refused {
    (WhyRefused::Token, Trouble::Module(error).to_string())
}

fn find_slot(module: &Pkcs11, wanted: &TokenName) -> Result<(Slot, TokenInfo), Refused> {
    let mut found = Vec::new();
    for slot in module.get_slots_with_token().map_err(unreachable_token)? {
        // A broken token beside ours is none of our business.
        let Ok(info) = module.get_token_info(slot) else { continue };
        let fits = match wanted {
            TokenName::Label(label) => info.label() == label,
            TokenName::Serial(serial) => info.serial_number() == serial,
        };
        if fits && info.token_initialized() {
            found.push((slot, info));
        }
    }
    let one = found.pop();
    match (one, found.is_empty()) {
        (Some(one), true) => Ok(one),
        (None, _) => Err((WhyRefused::Token, format!("no token with {wanted:?} is there"))),
        (Some(_), false) => {
            Err((WhyRefused::Module, format!("{} tokens have {wanted:?}; name it by its serial", found.len() + 1)))
        }
    }
}

/// One login, alone on this token among all processes that share the lock file. Returns the session it was made on.
fn login_once(module: &Pkcs11, slot: Slot, begin: &Begin) -> Result<Session, Refused> {
    let no_follow = OFlags::NOFOLLOW.bits().cast_signed();
    let mut options = File::options();
    let lock = options.create(true).append(true).mode(0o600).custom_flags(no_follow).open(&begin.lock_file);
    let lock =
        lock.map_err(|error| (WhyRefused::Module, format!("lock file {}: {error}", begin.lock_file.display())))?;
    flock(&lock, FlockOperation::LockExclusive).map_err(|error| (WhyRefused::Token, format!("lock file: {error}")))?;
    let info = module.get_token_info(slot).map_err(unreachable_token)?;
    let pin = if !info.login_required() || info.protected_authentication_path() {
        None
    } else if info.user_pin_locked() {
        return Err((WhyRefused::Pin, "the token's user PIN is locked".into()));
    } else if info.user_pin_final_try() {
        return Err((WhyRefused::Pin, "one try is left for the token's user PIN: log in by hand first".into()));
    } else {
        Some(read_pin(&begin.pin)?)
    };
    let session = module.open_rw_session_no_drop(slot).map_err(unreachable_token)?;
    let result = match &pin {
        Some(pin) => session.login_with_raw(UserType::User, pin),
        None if info.login_required() => session.login(UserType::User, None),
        None => Ok(()),
    };
    match result {
        Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(session),
        Err(error) if class(&error) == Class::Pin => Err((WhyRefused::Pin, Trouble::Module(error).to_string())),
        Err(error) => Err(unreachable_token(error)),
    }
}

/// The PIN, wiped when dropped.
fn read_pin(source: &PinSource) -> Result<RawAuthPin, Refused> {
    let mut pin = Zeroizing::new(Vec::with_capacity(PIN_BYTES_MAX + 1));
    match source {
        PinSource::Environment(variable) => {
            let value = std::env::var_os(variable)
                .ok_or_else(|| (WhyRefused::Pin, format!("environment variable {variable} of the PIN is not set")))?;
            pin.extend_from_slice(&Zeroizing::new(value.into_vec()));
        }
        PinSource::File(path) => {
            let read = File::open(path).and_then(|file| file.take(PIN_BYTES_MAX as u64 + 1).read_to_end(&mut pin));
            read.map_err(|error| (WhyRefused::Pin, format!("PIN file {}: {error}", path.display())))?;
        }
    }
    while pin.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
        pin.pop();
    }
    if pin.is_empty() || pin.len() > PIN_BYTES_MAX {
        return Err((WhyRefused::Pin, format!("a PIN has 1 to {PIN_BYTES_MAX} bytes")));
    }
    Ok(RawAuthPin::new(Box::new(std::mem::take(&mut *pin))))
}

fn mechanisms(module: &Pkcs11, slot: Slot) -> Result<Vec<Mechanism>, Error> {
    let there = module.get_mechanism_list(slot)?;
    KNOWN
        .iter()
        .filter(|known| there.contains(known))
        .map(|known| {
            let info = module.get_mechanism_info(slot, *known)?;
            let (bits_min, bits_max) = (info.min_key_size() as u64, info.max_key_size() as u64);
            Ok(Mechanism { kind: **known, bits_min, bits_max })
        })
        .collect()
}
