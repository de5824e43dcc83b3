//! A token as the place of the broker's own root key: a key that never leaves the token seals it.

use std::path::PathBuf;

use broker_core::algorithm::{KeySpec, WrapAlgorithm};
use broker_core::name::BackendName;
use broker_core::refusal::Failure;
use broker_core::secret::Secret;
use broker_crypto::random;

use crate::backend::{OpenError, Pkcs11Backend};
use crate::refuse::{fault, faulty};
use crate::spec::{Limits, PkcsSpec, TokenSpec, WorkerCommand};
use crate::wire::{ObjectName, Reply, Request};

/// First byte of what is sealed; then the CKA_ID of the key that sealed it, then the wrapped root key.
const FORMAT: u8 = 1;
const ID_BYTES: usize = 16;
/// CKA_LABEL of the key in the token.
const LABEL: &str = "keybroker root key";
/// AES key wrap (RFC 3394) under AES-256: what every token that was looked at can do.
const ALGORITHM: WrapAlgorithm = WrapAlgorithm::A256Kw;
const SPEC: KeySpec = KeySpec::Oct256;

/// A token that was logged in to, by a worker of its own, which ends with this.
pub struct RootToken(Pkcs11Backend);

impl RootToken {
    /// Logs in once; the first trouble is told, none is waited out.
    ///
    /// # Errors
    /// `Invalid`; `Refused` with what the module or the token said.
    pub async fn open(token: TokenSpec, lock_dir: PathBuf, worker: WorkerCommand) -> Result<Self, OpenError> {
        let spec = PkcsSpec {
            name: BackendName::parse("root-key").expect("it is a name"),
            tokens: vec![TokenSpec { sessions: 1, ..token }],
            lock_dir,
            raw_rsa: false,
            limits: Limits::default(),
            worker,
        };
        Pkcs11Backend::open_at_once(spec).await.map(Self)
    }

    /// Makes a key in the token and seals 32 bytes under it.
    ///
    /// # Errors
    /// What became of the call; no key is left behind then, if the token can still be asked.
    pub async fn seal(&self, root: &Secret) -> Result<Vec<u8>, Failure> {
        let id: [u8; ID_BYTES] = random::random().map_err(Failure::internal)?;
        let sealed = self.seal_under(name(id), root).await;
        if sealed.is_err() {
            // What went wrong first is what the operator must hear.
            let _secondary = self.ask(Request::Destroy { key: name(id) }).await;
        }
        Ok([&[FORMAT], &id[..], &sealed?[..]].concat())
    }

    async fn seal_under(&self, key: ObjectName, root: &Secret) -> Result<Vec<u8>, Failure> {
        match self.ask(Request::Generate { key: key.clone(), spec: SPEC }).await? {
            Reply::Generated(_) => {}
            _ => return Err(self.nonsense()),
        }
        let secret = Secret::copied_from(root.expose());
        match self.ask(Request::Wrap { key, spec: SPEC, algorithm: ALGORITHM, secret }).await? {
            Reply::Bytes(wrapped) => Ok(wrapped),
            _ => Err(self.nonsense()),
        }
    }

    /// What [`RootToken::seal`] sealed.
    ///
    /// # Errors
    /// `Unwrappable` for anything else; what became of the call.
    pub async fn unseal(&self, sealed: &[u8]) -> Result<Secret, Failure> {
        let (id, wrapped) = parts(sealed)?;
        match self
            .ask(Request::Unwrap { key: name(id), spec: SPEC, algorithm: ALGORITHM, value: wrapped.to_vec() })
            .await?
        {
            Reply::Secret(root) => Ok(root),
            _ => Err(self.nonsense()),
        }
    }

    /// Destroys the key that sealed this: no copy of it opens any more.
    ///
    /// # Errors
    /// As [`RootToken::unseal`].
    pub async fn destroy(&self, sealed: &[u8]) -> Result<(), Failure> {
        let (id, _) = parts(sealed)?;
        match self.ask(Request::Destroy { key: name(id) }).await? {
            Reply::Done => Ok(()),
            _ => Err(self.nonsense()),
        }
    }

    async fn ask(&self, request: Request) -> Result<Reply, Failure> {
        match self.0.tokens.call(request, ALGORITHM.word()).await? {
            Reply::Failed { fault: what, cause } => Err(fault(self.0.name(), ALGORITHM.word(), what, cause)),
            reply => Ok(reply),
        }
    }

    fn nonsense(&self) -> Failure {
        faulty(self.0.name(), "the worker answered something else than was asked")
    }
}

fn name(id: [u8; ID_BYTES]) -> ObjectName {
    ObjectName { id, label: LABEL.to_owned() }
}

fn parts(sealed: &[u8]) -> Result<([u8; ID_BYTES], &[u8]), Failure> {
    let not_ours = || Failure::internal("the sealed root key has a form that this version does not know");
    match sealed.split_first() {
        Some((&FORMAT, rest)) => rest.split_first_chunk().map(|(id, wrapped)| (*id, wrapped)).ok_or_else(not_ours),
        _ => Err(not_ours()),
    }
}
