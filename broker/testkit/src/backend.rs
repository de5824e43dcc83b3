//! A backend without cryptography: what it wraps under one version opens under that version alone.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Mutex, PoisonError};

use broker_core::algorithm::{KeyFamily, KeySpec, PublicKey, SignAlgorithm, WrapAlgorithm, WrapExtras, Wrapped};
use broker_core::grant::{Permit, Scope};
use broker_core::imported::{EcNumbers, ImportedKey, RsaNumbers};
use broker_core::name::{KeyName, KeyVersion, VaultName};
use broker_core::port::{Backend, Candidate, Capabilities, Generated, Later, Making, Unwrapped, Unwrapping, Wrapping};
use broker_core::refusal::{Failure, Refusal};
use broker_core::secret::Secret;
use broker_core::verb;

use crate::Gate;
use crate::chance::mix;

/// Bytes of the check that stands in for a cryptographic one.
const CHECK_BYTES: usize = 16;
const IV_BYTES: usize = 12;
/// What comes after the opaque bytes of an imported version, before a digest of its secret.
const IMPORTED: &[u8] = b"/imported/";
/// Tells signatures from what is wrapped.
const SIGN_SALT: u64 = 1 << 32;

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
    /// What a token has destroyed; none for a backend that keeps nothing outside its material.
    destroyed: Option<Mutex<BTreeSet<(VaultName, KeyName, KeyVersion)>>>,
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
        Self {
            gate: Gate::default(),
            capabilities,
            calls: Mutex::default(),
            failures: Mutex::default(),
            destroyed: None,
        }
    }

    /// Like an HSM, it keeps its keys itself: one that it destroyed serves no more, whatever material is handed over.
    #[must_use]
    pub fn token() -> Self {
        Self { destroyed: Some(Mutex::default()), ..Self::default() }
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

    /// What everything done with a version depends on. Material that was made for another key or version, or one that the
    /// token has destroyed, is a bug in the broker.
    fn lock_of(&self, vault: &VaultName, key: &KeyName, under: &Candidate, salt: u64) -> Result<u64, Failure> {
        let home = under.home(vault);
        let own = opaque_of(home, key, under.version, under.spec);
        let rest = under.material.opaque.strip_prefix(own.as_slice());
        if !rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(IMPORTED)) {
            return Err(Failure::internal(format!(
                "material of another key or version was handed over for /{home}/{key}"
            )));
        }
        let id = (home.clone(), key.clone(), under.version);
        let destroyed =
            self.destroyed.as_ref().map(|destroyed| destroyed.lock().unwrap_or_else(PoisonError::into_inner));
        if destroyed.is_some_and(|destroyed| destroyed.contains(&id)) {
            return Err(Failure::internal(format!("version {} of /{home}/{key} was destroyed", under.version)));
        }
        let hash = digest(salt, &under.material.opaque);
        Ok(u64::from_le_bytes(hash[..8].try_into().unwrap()))
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

    /// Looks at the length of the modulus, the coordinates or the key alone.
    fn import_key(
        &self,
        permit: Permit<verb::ImportKey>,
        version: KeyVersion,
        spec: KeySpec,
        imported: ImportedKey,
    ) -> Later<'_, Result<Generated, Failure>> {
        Box::pin(async move {
            let (vault, key) = key_of(permit.scope())?;
            self.enter("import", permit.scope().clone(), vec![version]).await?;
            let bytes = spec.bits().div_ceil(8) as usize;
            let (secret, longest, public) = match imported {
                ImportedKey::Ec(EcNumbers { x, y, d }) => {
                    let [x, y] = [x, y].map(|number| without_zeros(&number).to_vec());
                    (d, x.len().max(y.len()), PublicKey::Ec { x: padded(&x, bytes), y: padded(&y, bytes) })
                }
                ImportedKey::Oct(k) => {
                    let bytes = k.len();
                    (k, bytes, PublicKey::None)
                }
                ImportedKey::Rsa(numbers) => {
                    let RsaNumbers { n, e, d, .. } = *numbers;
                    let [n, e] = [n, e].map(|number| without_zeros(&number).to_vec());
                    (d, n.len(), PublicKey::Rsa { n, e })
                }
            };
            // A coordinate may happen to be short; a modulus and a symmetric key may not.
            let fits = longest == bytes || (spec.family() == KeyFamily::Ec && longest < bytes);
            if !fits {
                return Err(Failure::bad_request(format!("the numbers are no {spec} key")));
            }
            let mut opaque = opaque_of(vault, key, version, spec);
            opaque.extend_from_slice(IMPORTED);
            opaque.extend_from_slice(&digest(spec as u64, secret.expose()));
            Ok(Generated { opaque, public })
        })
    }

    /// The fake signature is as long as the algorithm's own (RFC 7518 section 3.1).
    fn sign<'a>(
        &'a self,
        permit: Permit<verb::Sign>,
        under: &'a Candidate,
        algorithm: SignAlgorithm,
        digest: &'a [u8],
    ) -> Later<'a, Result<Vec<u8>, Failure>> {
        Box::pin(async move {
            let (vault, key) = key_of(permit.scope())?;
            self.enter("sign", permit.scope().clone(), vec![under.version]).await?;
            Ok(signature_of(self.lock_of(vault, key, under, SIGN_SALT + algorithm as u64)?, under.spec, digest))
        })
    }

    fn verify<'a>(
        &'a self,
        permit: Permit<verb::Verify>,
        under: &'a Candidate,
        algorithm: SignAlgorithm,
        digest: &'a [u8],
        signature: &'a [u8],
    ) -> Later<'a, Result<bool, Failure>> {
        Box::pin(async move {
            let (vault, key) = key_of(permit.scope())?;
            self.enter("verify", permit.scope().clone(), vec![under.version]).await?;
            let lock = self.lock_of(vault, key, under, SIGN_SALT + algorithm as u64)?;
            Ok(signature_of(lock, under.spec, digest) == signature)
        })
    }

    fn destroy_key<'a>(
        &'a self,
        permit: Permit<verb::PurgeKey>,
        versions: &'a [Candidate],
    ) -> Later<'a, Result<(), Failure>> {
        Box::pin(async move {
            let (vault, key) = key_of(permit.scope())?;
            let ids = versions.iter().map(|candidate| candidate.version).collect();
            self.enter("destroy", permit.scope().clone(), ids).await?;
            if let Some(destroyed) = &self.destroyed {
                let gone = versions.iter().map(|one| (one.home(vault).clone(), key.clone(), one.version));
                destroyed.lock().unwrap_or_else(PoisonError::into_inner).extend(gone);
            }
            Ok(())
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
            let lock = self.lock_of(vault, key, under, algorithm as u64)?;
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
                let lock = self.lock_of(vault, key, under, algorithm as u64)?;
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

/// The vault and the key of a permit's scope.
fn key_of(scope: &Scope) -> Result<(&VaultName, &KeyName), Failure> {
    scope.vault().zip(scope.key()).ok_or_else(|| Failure::internal(format!("a permit for {scope}, which is no key")))
}

/// Opaque bytes that say for which version of which key they were made.
fn opaque_of(vault: &VaultName, key: &KeyName, version: KeyVersion, spec: KeySpec) -> Vec<u8> {
    format!("fake/{vault}/{key}/{version}/{spec}").into_bytes()
}

fn without_zeros(number: &[u8]) -> &[u8] {
    &number[number.iter().take_while(|byte| **byte == 0).count()..]
}

fn padded(number: &[u8], bytes: usize) -> Vec<u8> {
    let mut padded = vec![0; bytes.saturating_sub(number.len())];
    padded.extend_from_slice(number);
    padded
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

fn signature_of(lock: u64, spec: KeySpec, message: &[u8]) -> Vec<u8> {
    let hash = digest(lock, message);
    let parts = if spec.family() == KeyFamily::Ec { 2 } else { 1 };
    let bytes = spec.bits().div_ceil(8) as usize * parts;
    scrambled(u64::from_le_bytes(hash[..8].try_into().unwrap()), &vec![0; bytes])
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
