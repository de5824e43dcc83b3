//! The tokens as the core sees them.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use broker_core::algorithm::{KeySpec, SignAlgorithm, WrapAlgorithm, WrapExtras, Wrapped};
use broker_core::grant::Permit;
use broker_core::imported::ImportedKey;
use broker_core::name::{BackendName, KeyVersion};
use broker_core::port::{Backend, Candidate, Capabilities, Generated, Later, Making, Unwrapped, Unwrapping, Wrapping};
use broker_core::refusal::{Failure, Refusal};
use broker_core::secret::Secret;
use broker_core::verb;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use crate::attempt::Tokens;
use crate::capability;
use crate::counters::{TokenHealth, TokenState};
use crate::refuse::unsupported;
use crate::spec::{PinSource, PkcsSpec, SESSIONS_MAX, TOKENS_MAX};
use crate::token::Token;

/// Why a backend cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("backend {backend}: {problem}")]
    Invalid { backend: BackendName, problem: String },
    #[error("backend {backend}: no token can be logged in to: {causes}")]
    Refused { backend: BackendName, causes: String },
}

/// An HSM: one or more tokens that hold the same keys, each served by a worker process. Dropping it ends the workers.
pub struct Pkcs11Backend {
    pub(crate) tokens: Tokens,
    raw_rsa: bool,
    at_most: Capabilities,
    capabilities: OnceLock<Capabilities>,
    _keepers: JoinSet<()>,
}

impl Pkcs11Backend {
    /// Starts a worker for each token, in a tokio runtime with time and I/O, and waits until the first has logged in, or
    /// `login_ms_max`. A token that is not there, or an HSM that is off, is no error: it is tried again and taken in when
    /// it comes.
    ///
    /// # Errors
    /// The specification makes no sense; or every token was refused for good (a wrong PIN, no such module).
    pub async fn open(spec: PkcsSpec) -> Result<Self, OpenError> {
        Self::start(spec, true).await
    }

    /// The same, but the first trouble of each token is the last, and no token that serves is an error.
    pub(crate) async fn open_at_once(spec: PkcsSpec) -> Result<Self, OpenError> {
        let backend = Self::start(spec, false).await?;
        if backend.tokens.all.iter().any(|token| token.state() == TokenState::Serving) {
            return Ok(backend);
        }
        Err(OpenError::Refused { backend: backend.name().clone(), causes: causes(&backend.tokens.all) })
    }

    async fn start(spec: PkcsSpec, patient: bool) -> Result<Self, OpenError> {
        let name = spec.name.clone();
        let spec = settled(spec).map_err(|problem| OpenError::Invalid { backend: name, problem })?;
        let changes = watch::Sender::new(0);
        let all: Arc<[Arc<Token>]> =
            spec.tokens.iter().map(|token| Arc::new(Token::new(&spec, token.clone(), changes.clone()))).collect();
        let mut keepers = JoinSet::new();
        for token in all.iter() {
            keepers.spawn(Arc::clone(token).keep());
        }
        let mut changed = changes.subscribe();
        let decided = |_: &u64| {
            all.iter().any(|token| token.state() == TokenState::Serving)
                || all.iter().all(|token| {
                    token.state() == TokenState::Refused || (!patient && token.health().last_trouble.is_some())
                })
        };
        let until = Instant::now() + Duration::from_millis(spec.limits.login_ms_max);
        let _ = timeout_at(until, changed.wait_for(decided)).await;
        if all.iter().all(|token| token.state() == TokenState::Refused) {
            return Err(OpenError::Refused { backend: spec.name, causes: causes(&all) });
        }
        let tokens = Tokens::new(spec.name, spec.limits, all, changes.subscribe());
        let at_most = capability::at_most();
        let backend = Self { tokens, raw_rsa: spec.raw_rsa, at_most, capabilities: OnceLock::new(), _keepers: keepers };
        if patient && backend.tokens.all.iter().all(|token| token.facts().is_none()) {
            tracing::error!(backend = %backend.name(), "no token of the HSM serves yet; they are tried again and again");
        }
        Ok(backend)
    }

    /// Its name in the configuration.
    #[must_use]
    pub fn name(&self) -> &BackendName {
        &self.tokens.backend
    }

    /// Each token as it is now, in the order of the configuration; for metrics and the operator.
    #[must_use]
    pub fn health(&self) -> Vec<TokenHealth> {
        self.tokens.all.iter().map(|token| token.health()).collect()
    }

    /// What the first token that logged in can do; before that, what any could.
    fn served(&self) -> &Capabilities {
        if let Some(known) = self.capabilities.get() {
            return known;
        }
        match self.tokens.all.iter().find_map(|token| token.facts()) {
            Some(facts) => self.capabilities.get_or_init(|| capability::of(&facts, self.raw_rsa)),
            None => &self.at_most,
        }
    }

    pub(crate) fn check_spec(&self, spec: KeySpec) -> Result<(), Failure> {
        if self.served().key_specs.contains(&spec) { Ok(()) } else { Err(unsupported(self.name(), spec.word())) }
    }

    pub(crate) fn check_sign(&self, algorithm: SignAlgorithm, spec: KeySpec) -> Result<(), Failure> {
        let served = algorithm.fits(spec) && self.served().sign_algorithms.contains(&algorithm);
        if served { Ok(()) } else { Err(unsupported(self.name(), algorithm.word())) }
    }

    /// Extras belong to algorithms that are not served here.
    pub(crate) fn check_wrap(
        &self,
        algorithm: WrapAlgorithm,
        spec: KeySpec,
        extras: &WrapExtras,
    ) -> Result<(), Failure> {
        let served = algorithm.fits(spec) && self.served().wrap_algorithms.contains(&algorithm);
        if served && *extras == WrapExtras::default() {
            Ok(())
        } else {
            Err(unsupported(self.name(), algorithm.word()))
        }
    }
}

/// What troubles each token, for the operator.
fn causes(tokens: &[Arc<Token>]) -> String {
    let cause = |token: &Arc<Token>| {
        let trouble = token.health().last_trouble.unwrap_or_else(|| "it does not answer".to_owned());
        format!("{}: {trouble}", token.name())
    };
    tokens.iter().map(cause).collect::<Vec<_>>().join("; ")
}

/// The specification, if it makes sense, with every path absolute: workers run in another folder.
fn settled(mut spec: PkcsSpec) -> Result<PkcsSpec, String> {
    if spec.tokens.is_empty() || spec.tokens.len() > TOKENS_MAX {
        return Err(format!("it must have 1 to {TOKENS_MAX} tokens"));
    }
    let absolute = |path: &mut PathBuf| {
        *path = std::path::absolute(&*path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok::<_, String>(())
    };
    absolute(&mut spec.lock_dir)?;
    absolute(&mut spec.worker.program)?;
    for token in &mut spec.tokens {
        if token.sessions == 0 || token.sessions > SESSIONS_MAX {
            return Err(format!("a token must have 1 to {SESSIONS_MAX} sessions"));
        }
        absolute(&mut token.module)?;
        if let PinSource::File(path) = &mut token.pin {
            absolute(path)?;
        }
        if !token.module.is_file() {
            return Err(format!("module {} is no file", token.module.display()));
        }
    }
    std::fs::create_dir_all(&spec.lock_dir)
        .map_err(|error| format!("folder for lock files {}: {error}", spec.lock_dir.display()))?;
    Ok(spec)
}

/// Each verb is told in its own file under `verb/`.
impl Backend for Pkcs11Backend {
    fn capabilities(&self) -> &Capabilities {
        self.served()
    }

    fn generate_key(
        &self,
        permit: Making,
        version: KeyVersion,
        spec: KeySpec,
    ) -> Later<'_, Result<Generated, Failure>> {
        Box::pin(self.make_key(permit, version, spec))
    }

    /// Refused: a key that was once outside is no HSM key.
    fn import_key(
        &self,
        _permit: Permit<verb::ImportKey>,
        _version: KeyVersion,
        _spec: KeySpec,
        _key: ImportedKey,
    ) -> Later<'_, Result<Generated, Failure>> {
        let operation = format!("import into backend {}, whose keys are made inside the HSM,", self.name());
        Box::pin(std::future::ready(Err(Refusal::NotImplemented { operation }.into())))
    }

    fn sign<'a>(
        &'a self,
        permit: Permit<verb::Sign>,
        under: &'a Candidate,
        algorithm: SignAlgorithm,
        digest: &'a [u8],
    ) -> Later<'a, Result<Vec<u8>, Failure>> {
        Box::pin(self.sign_under(permit, under, algorithm, digest))
    }

    fn verify<'a>(
        &'a self,
        permit: Permit<verb::Verify>,
        under: &'a Candidate,
        algorithm: SignAlgorithm,
        digest: &'a [u8],
        signature: &'a [u8],
    ) -> Later<'a, Result<bool, Failure>> {
        Box::pin(std::future::ready(self.verify_with(&permit, under, algorithm, digest, signature)))
    }

    fn destroy_key<'a>(
        &'a self,
        permit: Permit<verb::PurgeKey>,
        versions: &'a [Candidate],
    ) -> Later<'a, Result<(), Failure>> {
        Box::pin(self.destroy_all(permit, versions))
    }

    fn wrap_key<'a>(
        &'a self,
        permit: Wrapping,
        under: &'a Candidate,
        algorithm: WrapAlgorithm,
        secret: Secret,
        extras: &'a WrapExtras,
    ) -> Later<'a, Result<Wrapped, Failure>> {
        Box::pin(self.wrap_under(permit, under, algorithm, secret, extras))
    }

    fn unwrap_key<'a>(
        &'a self,
        permit: Unwrapping,
        candidates: &'a [Candidate],
        algorithm: WrapAlgorithm,
        value: &'a [u8],
        extras: &'a WrapExtras,
    ) -> Later<'a, Result<Unwrapped, Failure>> {
        Box::pin(self.unwrap_with_any(permit, candidates, algorithm, value, extras))
    }

    fn self_test(&self) -> Later<'_, Result<(), Failure>> {
        Box::pin(self.ping())
    }
}
