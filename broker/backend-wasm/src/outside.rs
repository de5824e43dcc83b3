//! What a plugin's capabilities reach, as whoever loads it gives it: this room opens no socket, no store and no clock.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use broker_core::algorithm::WrapAlgorithm;
use broker_core::name::KeyName;
use broker_core::port::{Clock, Later};
use broker_core::refusal::{Failure, Refusal};
use broker_core::secret::Secret;

use crate::room::one_line;
use crate::setting::Setting;

/// All of it, for one plugin.
#[derive(Clone)]
pub struct Outside {
    pub clock: Arc<dyn Clock>,
    pub delegates: Arc<dyn Delegates>,
    pub network: Arc<dyn Network>,
    pub settings: BTreeMap<String, Setting>,
    pub shelf: Arc<dyn Shelf>,
}

impl Outside {
    /// Nothing but the time: no setting, no host, no delegate, and a state that is forgotten with the process.
    #[must_use]
    pub fn bare(clock: Arc<dyn Clock>) -> Self {
        let nothing = Arc::new(Nothing);
        Self {
            clock,
            delegates: Arc::clone(&nothing) as Arc<dyn Delegates>,
            network: Arc::clone(&nothing) as Arc<dyn Network>,
            settings: BTreeMap::new(),
            shelf: nothing,
        }
    }
}

/// Other keys of the broker, by the names that the configuration gives them.
pub trait Delegates: Send + Sync {
    /// Whether there is such a delegate, and its key for this key of the plugin's (none: asked outside any) can be used.
    fn check(&self, to: String, key: Option<KeyName>) -> Later<'static, Result<(), Refusal>>;

    /// Wraps under the delegate's key in this version (none: the latest); the wrapped value and the version.
    fn wrap(&self, step: Step, secret: Secret) -> Later<'static, Result<(Vec<u8>, String), Refusal>>;

    /// The way back.
    fn unwrap(&self, step: Step, value: Vec<u8>) -> Later<'static, Result<Secret, Refusal>>;
}

/// One use of a delegate.
#[derive(Debug, Clone)]
pub struct Step {
    /// The delegate's name in the configuration.
    pub to: String,
    /// The key that the plugin is called for: a delegate may mean the key of the same name in another vault.
    pub key: KeyName,
    pub algorithm: WrapAlgorithm,
    pub version: Option<String>,
}

/// An outgoing request, as the guest wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// DELETE, GET, PATCH, POST or PUT.
    pub method: &'static str,
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Names of credentials that the host adds.
    pub credentials: Vec<String>,
    /// What is left of the call's time.
    pub time_max: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// Why there is no answer; `wit/0.1.0/http.wit` tells what each means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoAnswer {
    BadRequest,
    Busy,
    Denied,
    TimedOut,
    TooLarge,
    Unreachable,
    Untrusted,
}

/// The hosts that one plugin may ask.
pub trait Network: Send + Sync {
    /// The names of its credentials.
    fn credentials(&self) -> Vec<String>;

    /// Sends one request, to a listed host or not at all.
    fn send(&self, ask: Ask) -> Later<'static, Result<Answer, NoAnswer>>;
}

/// Where a plugin's private state is kept.
pub trait Shelf: Send + Sync {
    /// All entries, at load.
    fn entries(&self) -> Later<'static, Result<Vec<Kept>, Failure>>;

    /// All of the changes or none; durable when it answers. An entry without a value goes.
    fn commit(&self, changes: Vec<(String, Option<Kept>)>) -> Later<'static, Result<(), Failure>>;
}

/// One entry of a plugin's state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    pub name: String,
    pub value: Vec<u8>,
    pub revision: u64,
}

/// What is there when the configuration names nothing.
struct Nothing;

fn no_delegate(to: &str) -> Refusal {
    Refusal::NotFound { what: format!("delegate {}", one_line(to)) }
}

impl Delegates for Nothing {
    fn check(&self, to: String, _key: Option<KeyName>) -> Later<'static, Result<(), Refusal>> {
        Box::pin(std::future::ready(Err(no_delegate(&to))))
    }

    fn wrap(&self, step: Step, _secret: Secret) -> Later<'static, Result<(Vec<u8>, String), Refusal>> {
        Box::pin(std::future::ready(Err(no_delegate(&step.to))))
    }

    fn unwrap(&self, step: Step, _value: Vec<u8>) -> Later<'static, Result<Secret, Refusal>> {
        Box::pin(std::future::ready(Err(no_delegate(&step.to))))
    }
}

impl Network for Nothing {
    fn credentials(&self) -> Vec<String> {
        Vec::new()
    }

    fn send(&self, _ask: Ask) -> Later<'static, Result<Answer, NoAnswer>> {
        Box::pin(std::future::ready(Err(NoAnswer::Denied)))
    }
}

impl Shelf for Nothing {
    fn entries(&self) -> Later<'static, Result<Vec<Kept>, Failure>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    fn commit(&self, _changes: Vec<(String, Option<Kept>)>) -> Later<'static, Result<(), Failure>> {
        Box::pin(std::future::ready(Ok(())))
    }
}
