//! A backend without cryptography: what it wraps under one version opens under that version alone.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use broker_core::algorithm::{KeyFamily, KeySpec, PublicKey, SignAlgorithm, WrapAlgorithm, WrapExtras, Wrapped};
use broker_core::grant::Scope;
use broker_core::name::{KeyName, KeyVersion, VaultName};
use broker_core::port::{Backend, Candidate, Capabilities, Generated, Later, Making, Unwrapped, Unwrapping, Wrapping};
use broker_core::refusal::{Failure, Refusal};
use broker_core::secret::Secret;

use crate::Gate;
use crate::chance::mix;

/// Bytes of the check that stands in for a cryptographic one.
const CHECK_BYTES: usize = 16;
const IV_BYTES: usize = 12;

/// One call that reached the backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    pub verb: &'static str,
    /// The key that the permit was for.
    pub scope: Scope,
    /// The versions it was about, in the order in which they were handed over.
    pub versions: Vec<KeyVersion>,
}

/// Keys in nobody's hands: the "wrapped" value is the secret under a keystream any reader of this file can undo.
#[derive(Debug)]
pub struct FakeBackend {
    /// Close it to hold calls before they act.
    pub gate: Gate,
    capabilities: Capabilities,
    calls: Mutex<Vec<Call>>,
    failures: Mutex<VecDeque<Refusal>>,
}

impl Default for FakeBackend {
    fn default() -> Self {
        Self::new(Capabilities {
            key_specs: KeySpec::ALL.to_vec(),
            wrap_algorithms: WrapAlgorithm::ALL.to_vec(),
            sign_algorithms: SignAlgorithm::ALL.to_vec(),
        })
    }
}

impl FakeBackend {
    #[must_use]
    pub fn new(capabilities: Capabilities) -> Self {
        Self { gate: Gate::default(), capabilities, calls: Mutex::default(), failures: Mutex::default() }
    }

    /// The next call fails so; told twice, the one after it too.
    pub fn fail_next(&self, refusal: Refusal) {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).push_back(refusal);
    }

    /// Every call that came, oldest first.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes a call, waits at the gate, and fails when told to.
    async fn enter(&self, verb: &'static str, scope: Scope, versions: Vec<KeyVersion>) -> Result<(), Failure> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).push(Call { verb, scope, versions });
        self.gate.pass().await;
        match self.failures.lock().unwrap_or_else(PoisonError::into_inner).pop_front() {
            Some(refusal) => Err(Failure::caused(refusal, "the fake backend was told to fail")),
            None => Ok(()),
        }
    }
}

impl Backend for FakeBackend {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn generate_key(
        &self,
        permit: Making,
        version: KeyVersion,
        spec: KeySpec,
    ) -> Later<'_, Result<Generated, Failure>> {
        Box::pin(async move {
            let verb = match permit {
                Making::Create(_) => "create",
                Making::Rotate(_) => "rotate",
            };
            let (vault, key) = permit.key()?;
            self.enter(verb, Scope::Key(vault.clone(), key.clone()), vec![version]).await?;
            Ok(Generated { opaque: opaque_of(vault, key, version, spec), public: public_of(version, spec) })
        })
    }

    fn wrap_key<'a>(
        &'a self,
        permit: Wrapping,
        under: &'a Candidate,
        algorithm: WrapAlgorithm,
        secret: Secret,
        extras: &'a WrapExtras,
    ) -> Later<'a, Result<Wrapped, Failure>> {
        Box::pin(async move {
            let verb = match permit {
                Wrapping::Encrypt(_) => "encrypt",
                Wrapping::Wrap(_) => "wrap",
            };
            let (vault, key) = permit.key()?;
            self.enter(verb, Scope::Key(vault.clone(), key.clone()), vec![under.version]).await?;
            let lock = lock_of(vault, key, under, algorithm)?;
            let iv = match (algorithm, extras.iv.as_slice()) {
                (WrapAlgorithm::A256Gcm, []) => digest(lock, secret.expose())[..IV_BYTES].to_vec(),
                (_, given) => given.to_vec(),
            };
            let check = check_of(lock, secret.expose(), &iv, &extras.aad);
            let mut value = scrambled(lock, secret.expose());
            let mut tag = Vec::new();
            if algorithm == WrapAlgorithm::A256Gcm { &mut tag } else { &mut value }.extend_from_slice(&check);
            Ok(Wrapped { value, iv, tag })
        })
    }

    fn unwrap_key<'a>(
        &'a self,
        permit: Unwrapping,
        candidates: &'a [Candidate],
        algorithm: WrapAlgorithm,
        value: &'a [u8],
        extras: &'a WrapExtras,
    ) -> Later<'a, Result<Unwrapped, Failure>> {
        Box::pin(async move {
            let verb = match permit {
                Unwrapping::Decrypt(_) => "decrypt",
                Unwrapping::Unwrap(_) => "unwrap",
            };
            let (vault, key) = permit.key()?;
            let versions = candidates.iter().map(|candidate| candidate.version).collect();
            self.enter(verb, Scope::Key(vault.clone(), key.clone()), versions).await?;
            let (body, check) = if algorithm == WrapAlgorithm::A256Gcm {
                (value, extras.tag.as_slice())
            } else {
                value.split_at_checked(value.len().saturating_sub(CHECK_BYTES)).ok_or(Refusal::Unwrappable)?
            };
            for (candidate, under) in candidates.iter().enumerate() {
                let lock = lock_of(vault, key, under, algorithm)?;
                let secret = scrambled(lock, body);
                if check_of(lock, &secret, &extras.iv, &extras.aad) == check {
                    return Ok(Unwrapped { secret: Secret::new(secret), candidate });
                }
            }
            Err(Refusal::Unwrappable.into())
        })
    }

    fn self_test(&self) -> Later<'_, Result<(), Failure>> {
        Box::pin(async { self.enter("self-test", Scope::Broker, Vec::new()).await })
    }
}

/// Opaque bytes that say for which version of which key they were made.
fn opaque_of(vault: &VaultName, key: &KeyName, version: KeyVersion, spec: KeySpec) -> Vec<u8> {
    format!("fake/{vault}/{key}/{version}/{spec}").into_bytes()
}

fn public_of(version: KeyVersion, spec: KeySpec) -> PublicKey {
    let bytes = spec.bits().div_ceil(8) as usize;
    let number =
        |salt: u64| scrambled(u64::from_le_bytes(digest(salt, &version.0)[..8].try_into().unwrap()), &vec![0; bytes]);
    match spec.family() {
        KeyFamily::Ec => PublicKey::Ec { x: number(1), y: number(2) },
        KeyFamily::Oct => PublicKey::None,
        KeyFamily::Rsa => {
            let mut n = number(3);
            n[0] |= 0x80;
            n[bytes - 1] |= 1;
            PublicKey::Rsa { n, e: vec![1, 0, 1] }
        }
    }
}

/// What everything wrapped so depends on. Material that was made for another key or version is a bug in the broker.
fn lock_of(vault: &VaultName, key: &KeyName, under: &Candidate, algorithm: WrapAlgorithm) -> Result<u64, Failure> {
    if under.material.opaque != opaque_of(vault, key, under.version, under.spec) {
        return Err(Failure::internal(format!(
            "material of another key or version was handed over for /{vault}/{key}"
        )));
    }
    let hash = digest(algorithm as u64, &under.material.opaque);
    Ok(u64::from_le_bytes(hash[..8].try_into().unwrap()))
}

fn check_of(lock: u64, secret: &[u8], iv: &[u8], aad: &[u8]) -> [u8; CHECK_BYTES] {
    let mut all = Vec::new();
    for part in [secret, iv, aad] {
        all.extend_from_slice(&(part.len() as u64).to_le_bytes());
        all.extend_from_slice(part);
    }
    digest(!lock, &all)
}

/// Its own inverse.
fn scrambled(lock: u64, bytes: &[u8]) -> Vec<u8> {
    bytes.iter().zip(0_u64..).map(|(byte, index)| byte ^ mix(lock ^ mix(index)).to_le_bytes()[0]).collect()
}

fn digest(salt: u64, bytes: &[u8]) -> [u8; CHECK_BYTES] {
    let half = |salt: u64| bytes.iter().fold(mix(salt), |hash, byte| mix(hash ^ u64::from(*byte))).to_le_bytes();
    let mut digest = [0; CHECK_BYTES];
    digest[..8].copy_from_slice(&half(salt));
    digest[8..].copy_from_slice(&half(salt ^ 0x5a5a));
    digest
}
