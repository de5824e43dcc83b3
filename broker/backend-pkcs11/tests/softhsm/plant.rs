//! Makes tokens, backends on them, and keys in those.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use broker_backend_pkcs11::{
    Limits, OpenError, PinSource, Pkcs11Backend, PkcsSpec, Sandbox, TokenHealth, TokenName, TokenSpec, TokenState,
    WorkerCommand,
};
use broker_core::algorithm::{KeySpec, SignAlgorithm, WrapAlgorithm, WrapExtras};
use broker_core::grant::{Grant, GrantId, Granted, Permit, Policy, Scope};
use broker_core::key::Material;
use broker_core::name::{BackendName, KeyName, KeyVersion, Principal, VaultName};
use broker_core::permission::PermissionSet;
use broker_core::port::{Backend, Candidate, Making, Unwrapping, Wrapping};
use broker_core::refusal::{Failure, Refusal};
use broker_core::secret::Secret;
use broker_core::verb::{self, Verb};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

pub const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";
pub const PIN: &str = "tulip-4711";
pub const LABEL: &str = "keybroker test";

/// A folder with a token, its configuration, its PIN and the shim's control file.
pub struct Plant {
    pub folder: TempDir,
}

impl Plant {
    pub fn new() -> Self {
        let plant = Self::bare();
        let made = Command::new("softhsm2-util")
            .args(["--init-token", "--free", "--label", LABEL, "--pin", PIN, "--so-pin", "so-tulip-4711"])
            .env("SOFTHSM2_CONF", plant.configuration())
            .output()
            .expect("softhsm2-util is Debian's softhsm2");
        assert!(made.status.success(), "{made:?}");
        plant
    }

    fn bare() -> Self {
        let folder = TempDir::new().unwrap();
        let tokens = folder.path().join("tokens");
        std::fs::create_dir(&tokens).unwrap();
        let text =
            format!("directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n", tokens.display());
        std::fs::write(folder.path().join("softhsm2.conf"), text).unwrap();
        std::fs::write(folder.path().join("pin"), format!("{PIN}\n")).unwrap();
        std::fs::write(folder.path().join("control"), "").unwrap();
        Self { folder }
    }

    /// The same token, with the keys it has now, somewhere else.
    pub fn cloned(&self) -> Self {
        let clone = Self::bare();
        copy(&self.path("tokens"), &clone.path("tokens"));
        clone
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn configuration(&self) -> PathBuf {
        self.path("softhsm2.conf")
    }

    /// Has the shim break the next calls; see its documentation.
    pub fn tell(&self, control: &str) {
        std::fs::write(self.path("control"), control).unwrap();
    }

    /// What of the shim's orders has not been carried out.
    pub fn untold(&self) -> String {
        std::fs::read_to_string(self.path("control")).unwrap()
    }

    pub fn token(&self) -> TokenSpec {
        TokenSpec {
            module: MODULE.into(),
            token: TokenName::Label(LABEL.into()),
            pin: PinSource::File(self.path("pin")),
            sandbox: Sandbox::Seccomp,
            sessions: 4,
            environment: vec![("SOFTHSM2_CONF".into(), self.configuration().into())],
        }
    }

    /// The same token behind the shim.
    pub fn broken_token(&self) -> TokenSpec {
        let mut token = self.token();
        token.module = shim();
        token.environment.push(("HSM_SHIM_MODULE".into(), MODULE.into()));
        token.environment.push(("HSM_SHIM_CONTROL".into(), OsString::from(self.path("control"))));
        token
    }

    pub fn spec(&self, tokens: Vec<TokenSpec>) -> PkcsSpec {
        PkcsSpec {
            name: BackendName::parse("hsm").unwrap(),
            tokens,
            lock_dir: self.folder.path().into(),
            raw_rsa: true,
            limits: Limits { call_ms_max: 1_000, ..Limits::default() },
            worker: WorkerCommand { program: env!("CARGO_BIN_EXE_hsm-worker-alone").into(), arguments: Vec::new() },
        }
    }

    pub async fn open(&self) -> Hsm {
        Hsm::open(self.spec(vec![self.token()])).await.unwrap()
    }

    pub async fn open_broken(&self) -> Hsm {
        Hsm::open(self.spec(vec![self.broken_token()])).await.unwrap()
    }
}

fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").arg(from.join(".")).arg(to).status().unwrap();
    assert!(copied.success());
}

/// Cargo builds it beside this test, of which it is a dependency.
fn shim() -> PathBuf {
    let folder = std::env::current_exe().unwrap().parent().unwrap().to_owned();
    let shim = folder.join("libhsm_test_shim.so");
    assert!(shim.is_file(), "{} is not there", shim.display());
    shim
}

/// A backend and what tests do with it.
#[derive(Clone)]
pub struct Hsm(pub Arc<Pkcs11Backend>);

pub fn permit<V: Verb>(vault: &str, key: &str) -> Permit<V> {
    let principal = Principal::parse("local/uid:0").unwrap();
    let scope = Scope::Key(VaultName::parse(vault).unwrap(), KeyName::parse(key).unwrap());
    let grant = Grant {
        id: GrantId([0; 16]),
        principal: principal.clone(),
        granted: Granted::Permissions(PermissionSet::of(&[V::PERMISSION])),
        scope: scope.clone(),
        not_before_s: None,
        not_after_s: None,
        justification: String::new(),
        granted_by: principal.clone(),
        approved_by: None,
        created_s: 0,
    };
    Policy::of([grant]).permit(&principal, scope, 0).unwrap()
}

impl Hsm {
    pub async fn open(spec: PkcsSpec) -> Result<Self, OpenError> {
        Ok(Self(Arc::new(Pkcs11Backend::open(spec).await?)))
    }

    pub fn health(&self) -> TokenHealth {
        self.0.health().remove(0)
    }

    /// Waits until the first token's state is so.
    pub async fn until(&self, what: &str, is: impl Fn(&TokenHealth) -> bool) -> TokenHealth {
        let end = Instant::now() + Duration::from_secs(20);
        loop {
            let health = self.health();
            if is(&health) {
                return health;
            }
            assert!(Instant::now() < end, "waited in vain for {what}: {health:?}");
            sleep(Duration::from_millis(2)).await;
        }
    }

    /// Waits until a worker serves whose process is not this one.
    pub async fn until_restarted(&self, old: Option<u32>) -> TokenHealth {
        self.until("a new worker", |health| health.state == TokenState::Serving && health.worker != old).await
    }

    /// Makes a version of key `name` in `vault1`.
    pub async fn make(&self, name: &str, version: u8, spec: KeySpec) -> Result<Candidate, Failure> {
        let version = KeyVersion([version; 16]);
        let made =
            self.0.generate_key(Making::Create(permit::<verb::CreateKey>("vault1", name)), version, spec).await?;
        let material = Arc::new(Material { opaque: made.opaque, public: made.public, origin_vault: None });
        Ok(Candidate { version, spec, material })
    }

    pub async fn wrap(
        &self,
        name: &str,
        under: &Candidate,
        how: WrapAlgorithm,
        secret: &[u8],
    ) -> Result<Vec<u8>, Failure> {
        let permit = Wrapping::Wrap(permit::<verb::WrapKey>("vault1", name));
        let secret = Secret::copied_from(secret);
        Ok(self.0.wrap_key(permit, under, how, secret, &WrapExtras::default()).await?.value)
    }

    pub async fn unwrap(
        &self,
        name: &str,
        under: &Candidate,
        how: WrapAlgorithm,
        value: &[u8],
    ) -> Result<Vec<u8>, Failure> {
        self.unwrap_in("vault1", name, under, how, value).await
    }

    pub async fn unwrap_in(
        &self,
        vault: &str,
        name: &str,
        under: &Candidate,
        how: WrapAlgorithm,
        value: &[u8],
    ) -> Result<Vec<u8>, Failure> {
        let permit = Unwrapping::Unwrap(permit::<verb::UnwrapKey>(vault, name));
        let one = std::slice::from_ref(under);
        let unwrapped = self.0.unwrap_key(permit, one, how, value, &WrapExtras::default()).await?;
        Ok(unwrapped.secret.expose().to_vec())
    }

    pub async fn sign(&self, name: &str, under: &Candidate, how: SignAlgorithm) -> Result<Vec<u8>, Failure> {
        let digest = digest(how);
        self.0.sign(permit::<verb::Sign>("vault1", name), under, how, &digest).await
    }

    pub async fn verify(&self, name: &str, under: &Candidate, how: SignAlgorithm, signature: &[u8]) -> bool {
        let digest = digest(how);
        self.0.verify(permit::<verb::Verify>("vault1", name), under, how, &digest, signature).await.unwrap()
    }
}

fn digest(how: SignAlgorithm) -> Vec<u8> {
    vec![0xd1; how.digest_bytes()]
}

/// Which refusal it was; panics when it was none.
pub fn refusal<T>(result: Result<T, Failure>) -> Refusal {
    match result {
        Ok(_) => panic!("it was not refused"),
        Err(failure) => failure.refusal,
    }
}

/// Whether it is one that a client should take as "try again": an HTTP 503 or so.
pub fn says_try_again(refusal: &Refusal) -> bool {
    matches!(
        refusal,
        Refusal::BackendBusy { .. } | Refusal::BackendDeadline { .. } | Refusal::BackendUnavailable { .. }
    )
}

pub fn unavailable() -> Refusal {
    Refusal::BackendUnavailable { backend: BackendName::parse("hsm").unwrap() }
}
