//! One token and its worker: started, watched, killed, started again.

use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use broker_core::name::BackendName;
use broker_crypto::digest::sha256;
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use crate::counters::{Counters, TokenHealth, TokenState};
use crate::link::{End, Link};
use crate::socket::{Replies, Socket};
use crate::spec::{Limits, PinSource, PkcsSpec, TokenName, TokenSpec, WorkerCommand};
use crate::wire::{Begin, Reply, Request, TokenFacts, WhyRefused};

/// Waits between restarts: none, then this, doubled up to the longest.
const BACK_OFF_FIRST: Duration = Duration::from_millis(100);
const BACK_OFF_LONGEST: Duration = Duration::from_secs(5);
/// How long a worker may take to end by itself once its socket has closed.
const GOODBYE: Duration = Duration::from_millis(200);

/// One token of a backend.
pub struct Token {
    pub backend: BackendName,
    pub spec: TokenSpec,
    pub limits: Limits,
    pub counters: Counters,
    begin: Begin,
    command: WorkerCommand,
    life: Mutex<Life>,
    /// What is bumped whenever any token of the backend begins or ceases to serve.
    changes: watch::Sender<u64>,
}

struct Life {
    state: TokenState,
    link: Option<Arc<Link>>,
    worker: Option<u32>,
    facts: Option<TokenFacts>,
    last_trouble: Option<String>,
}

impl Token {
    pub fn new(backend: &PkcsSpec, spec: TokenSpec, changes: watch::Sender<u64>) -> Self {
        let begin = Begin {
            module: spec.module.clone(),
            token: spec.token.clone(),
            pin: spec.pin.clone(),
            sandbox: spec.sandbox,
            sessions: spec.sessions,
            lock_file: backend.lock_dir.join(lock_name(&spec)),
            raw_rsa: backend.raw_rsa,
            login_ms_max: backend.limits.login_ms_max,
        };
        Self {
            backend: backend.name.clone(),
            limits: backend.limits,
            counters: Counters::default(),
            begin,
            command: backend.worker.clone(),
            life: Mutex::new(Life {
                state: TokenState::Starting,
                link: None,
                worker: None,
                facts: None,
                last_trouble: None,
            }),
            changes,
            spec,
        }
    }

    /// Its worker, if one serves.
    pub fn link(&self) -> Option<Arc<Link>> {
        self.life().link.clone().filter(|link| link.takes_calls())
    }

    /// What it said about itself at its first login.
    pub fn facts(&self) -> Option<TokenFacts> {
        self.life().facts.clone()
    }

    pub fn state(&self) -> TokenState {
        self.life().state
    }

    pub fn health(&self) -> TokenHealth {
        let life = self.life();
        TokenHealth {
            token: self.name(),
            state: life.state,
            sessions: self.spec.sessions,
            worker: life.worker,
            counts: self.counters.read(),
            last_trouble: life.last_trouble.clone(),
        }
    }

    pub fn name(&self) -> String {
        match &self.spec.token {
            TokenName::Label(label) => format!("label {label:?}"),
            TokenName::Serial(serial) => format!("serial {serial:?}"),
        }
    }

    fn life(&self) -> std::sync::MutexGuard<'_, Life> {
        self.life.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Life)) {
        change(&mut self.life());
        self.changes.send_modify(|changes| *changes += 1);
    }

    /// Keeps a worker serving, for as long as it is polled. Ends only when trying again would do harm.
    pub async fn keep(self: Arc<Self>) {
        let mut back_off = Duration::ZERO;
        loop {
            match self.start().await {
                Ok((link, child, _listener)) => {
                    let trouble = self.watch(&link, child).await;
                    if link.has_served() {
                        back_off = Duration::ZERO;
                    }
                    if let Err(refused) = trouble {
                        return self.give_up(refused);
                    }
                }
                Err(Unstarted::Refused(cause)) => return self.give_up(cause),
                Err(Unstarted::Trouble(cause)) => {
                    tracing::warn!(backend = %self.backend, token = self.name(), cause, "the HSM's worker did not start");
                    self.change(|life| life.last_trouble = Some(cause));
                }
            }
            tokio::time::sleep(back_off).await;
            back_off = (back_off * 2).clamp(BACK_OFF_FIRST, BACK_OFF_LONGEST);
        }
    }

    fn give_up(&self, cause: String) {
        tracing::error!(backend = %self.backend, token = self.name(), cause, "the HSM's token is given up; mend it and restart");
        self.change(|life| {
            life.state = TokenState::Refused;
            life.last_trouble = Some(cause);
        });
    }

    /// Starts a worker and waits until it has logged in.
    async fn start(&self) -> Result<(Arc<Link>, Child, JoinSet<()>), Unstarted> {
        let trouble = |error: std::io::Error| Unstarted::Trouble(format!("starting the worker: {error}"));
        self.counters.starts.add();
        let ((socket, theirs), mut replies) = (Socket::pair().map_err(trouble)?, Replies::new());
        let mut child = self.command(theirs.into()).spawn().map_err(trouble)?;
        let begun =
            timeout(Duration::from_millis(self.limits.login_ms_max), self.begin_with(&socket, &mut replies)).await;
        let facts = match begun {
            Ok(Ok(facts)) => facts,
            Ok(Err(unstarted)) => {
                drop(socket);
                reap(&mut child).await;
                return Err(unstarted);
            }
            Err(_) => {
                self.counters.deadline_kills.add();
                kill(&mut child).await;
                return Err(Unstarted::Trouble(format!("no login within {} ms", self.limits.login_ms_max)));
            }
        };
        let link = Link::new(socket, self.spec.sessions, self.limits.queue_calls_max);
        // Ended with whoever keeps the token: it holds the socket, whose closing ends the worker.
        let mut listener = JoinSet::new();
        listener.spawn({
            let link = Arc::clone(&link);
            async move { link.listen(replies).await }
        });
        tracing::info!(backend = %self.backend, token = self.name(), model = facts.model, worker = child.id(), "logged in to the HSM");
        self.change(|life| {
            life.state = TokenState::Serving;
            life.link = Some(Arc::clone(&link));
            life.worker = child.id();
            life.facts.get_or_insert(facts);
        });
        Ok((link, child, listener))
    }

    async fn begin_with(&self, socket: &Socket, replies: &mut Replies) -> Result<TokenFacts, Unstarted> {
        let begin = Request::Begin(Box::new(self.begin.clone())).encode(1);
        let begin = begin.map_err(|error| Unstarted::Refused(format!("what the worker is told: {error}")))?;
        let sent = socket.send(begin.expose()).await;
        sent.map_err(|error| Unstarted::Trouble(format!("the worker ended: {error}")))?;
        match replies.next(socket).await.map_err(Unstarted::Trouble)? {
            (_, Reply::Ready(facts)) => Ok(facts),
            (_, Reply::Refused { why, cause }) => Err(match why {
                WhyRefused::Module | WhyRefused::Pin => Unstarted::Refused(cause),
                WhyRefused::Token => Unstarted::Trouble(cause),
            }),
            (_, other) => Err(Unstarted::Trouble(format!("the worker began with {other:?}"))),
        }
    }

    fn command(&self, socket: Stdio) -> Command {
        let mut command = Command::new(&self.command.program);
        command.args(&self.command.arguments).stdin(socket).stdout(Stdio::null()).stderr(Stdio::null());
        command.env_clear().envs(self.spec.environment.iter().map(|(name, value)| (name, value)));
        if let PinSource::Environment(variable) = &self.spec.pin
            && let Some(pin) = std::env::var_os(variable)
        {
            command.env(variable, pin);
        }
        // Of its own group: a Ctrl-C for the broker is not one for the worker.
        command.current_dir("/").process_group(0).kill_on_drop(false);
        command
    }

    /// Waits for a worker's end and puts it away. An error is final.
    async fn watch(&self, link: &Link, mut child: Child) -> Result<(), String> {
        let end = link.ended().await;
        self.change(|life| {
            life.state = TokenState::Starting;
            life.link = None;
            life.worker = None;
        });
        let cause = match end {
            End::Deadline => {
                self.counters.deadline_kills.add();
                // A kill within a login can destroy the token.
                let _ = timeout(Duration::from_millis(self.limits.login_ms_max), link.login_over()).await;
                kill(&mut child).await;
                "a call passed its deadline".to_owned()
            }
            End::Hangup(cause) => match reap(&mut child).await {
                Some(status) => format!("{cause} ({status})"),
                None => cause,
            },
            End::Refused(WhyRefused::Module | WhyRefused::Pin, cause) => {
                reap(&mut child).await;
                return Err(cause);
            }
            End::Refused(WhyRefused::Token, cause) => {
                reap(&mut child).await;
                cause
            }
        };
        tracing::warn!(backend = %self.backend, token = self.name(), cause, "the HSM's worker ended and is started again");
        self.change(|life| life.last_trouble = Some(cause));
        Ok(())
    }
}

/// Why a worker does not serve.
enum Unstarted {
    /// Trying again would do harm, or cannot help.
    Refused(String),
    Trouble(String),
}

/// Waits for a worker whose socket has closed; kills it if it takes too long.
async fn reap(child: &mut Child) -> Option<ExitStatus> {
    match timeout(GOODBYE, child.wait()).await {
        Ok(status) => status.ok(),
        Err(_) => kill(child).await,
    }
}

async fn kill(child: &mut Child) -> Option<ExitStatus> {
    let _ = child.start_kill();
    // A process stuck in a driver can be unkillable for a while; tokio collects it when it does end.
    timeout(GOODBYE, child.wait()).await.ok()?.ok()
}

/// The same for all who mean the same token of the same module.
fn lock_name(spec: &TokenSpec) -> String {
    let meant = format!("{}\n{:?}\n{:?}", spec.module.display(), spec.token, spec.environment);
    let digest: String = sha256(meant.as_bytes())[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("pkcs11-{digest}.lock")
}

/// When a call that starts now must have got its turn.
pub fn queue_until(limits: &Limits) -> Instant {
    Instant::now() + Duration::from_millis(limits.queue_ms_max)
}
