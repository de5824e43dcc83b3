//! The work that a broker does while its disk fails: every change that a key can undergo, and uses in between.

use std::io;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::ledger::{Ask, Ledger, Violation};
use crate::https::{Answer, Client, Connection};
use crate::keyvault::{b64, request, unb64};

/// A broker whose disk fails answers within this: its own deadlines are 5 s for the audit and 5 s for a lock of the store.
pub const ANSWER_MAX: Duration = Duration::from_secs(20);
const ALGORITHM: &str = "A256KW";

/// One client at its work.
pub struct Worker<'a> {
    client: &'a Client,
    connection: Option<Connection>,
    /// Whether the broker may end meanwhile.
    may_die: bool,
    pub ledger: Ledger,
}

impl<'a> Worker<'a> {
    /// # Errors
    /// The broker cannot be reached, though it must be there.
    pub fn new(client: &'a Client, may_die: bool, ledger: Ledger) -> Result<Self, Violation> {
        let mut worker = Self { client, connection: None, may_die, ledger };
        worker.connect()?;
        Ok(worker)
    }

    fn connect(&mut self) -> Result<(), Violation> {
        match self.client.connect() {
            Ok(connection) => self.connection = Some(connection),
            Err(error) if !self.may_die => return Err(format!("no connection: {error}")),
            Err(_) => self.connection = None,
        }
        Ok(())
    }

    /// Whether the broker has ended.
    #[must_use]
    pub fn is_cut_off(&self) -> bool {
        self.connection.is_none()
    }

    /// Asks, and notes the answer; none when the broker ended.
    fn ask(&mut self, name: &str, ask: Ask, call: (&str, &str, Option<Value>)) -> Result<Option<Answer>, Violation> {
        let Some(connection) = &self.connection else { return Ok(None) };
        let (method, path, body) = call;
        let began = Instant::now();
        let answer: io::Result<Answer> = connection.send(&request(method, path, body.as_ref()));
        let took = began.elapsed();
        if took > ANSWER_MAX {
            return Err(format!("{method} {path} took {took:?}"));
        }
        match &answer {
            Ok(_) => {}
            Err(_) if self.may_die => self.connection = None,
            Err(error) => return Err(format!("{method} {path} had no answer after {took:?}: {error}")),
        }
        self.ledger.heard(name, ask, answer.as_ref().ok())?;
        Ok(answer.ok())
    }

    fn post(&mut self, name: &str, ask: Ask, path: &str, body: Value) -> Result<Option<Answer>, Violation> {
        self.ask(name, ask, ("POST", path, Some(body)))
    }

    /// # Errors
    /// What was answered cannot be true.
    pub fn create(&mut self, name: &str) -> Result<(), Violation> {
        let path = format!("/keys/{name}/create");
        self.post(name, Ask::Create, &path, json!({ "kty": "oct", "key_size": 256 })).map(drop)
    }

    fn rotate(&mut self, name: &str) -> Result<(), Violation> {
        self.post(name, Ask::Rotate, &format!("/keys/{name}/rotate"), json!({})).map(drop)
    }

    fn patch(&mut self, name: &str, tag: u32) -> Result<(), Violation> {
        let body = json!({ "tags": { "turn": tag.to_string() } });
        self.ask(name, Ask::Patch(tag), ("PATCH", &format!("/keys/{name}"), Some(body))).map(drop)
    }

    fn get(&mut self, name: &str) -> Result<(), Violation> {
        self.ask(name, Ask::Get, ("GET", &format!("/keys/{name}"), None)).map(drop)
    }

    fn delete(&mut self, name: &str) -> Result<(), Violation> {
        self.ask(name, Ask::Delete, ("DELETE", &format!("/keys/{name}"), None)).map(drop)
    }

    fn purge(&mut self, name: &str) -> Result<(), Violation> {
        self.ask(name, Ask::Purge, ("DELETE", &format!("/deletedkeys/{name}"), None)).map(drop)
    }

    fn recover(&mut self, name: &str) -> Result<(), Violation> {
        self.post(name, Ask::Recover, &format!("/deletedkeys/{name}/recover"), json!({})).map(drop)
    }

    fn wrap(&mut self, name: &str) -> Result<(), Violation> {
        let secret: Vec<u8> = name.bytes().cycle().take(32).collect();
        let body = json!({ "alg": ALGORITHM, "value": b64(&secret) });
        let answer = self.post(name, Ask::Wrap, &format!("/keys/{name}/wrapkey"), body)?;
        match (answer.filter(|answer| answer.status == 200), self.ledger.keys.get_mut(name)) {
            (Some(answer), Some(key)) => key.wrapped(&secret, &answer.json()),
            _ => Ok(()),
        }
    }

    /// Opens all that this key wrapped.
    ///
    /// # Errors
    /// Something does not open, or opens as something else.
    pub fn unwrap_all(&mut self, name: &str) -> Result<(), Violation> {
        let Some(key) = self.ledger.keys.get(name).cloned() else { return Ok(()) };
        for (path, values) in key.versions {
            for (secret, wrapped) in values {
                let body = json!({ "alg": ALGORITHM, "value": b64(&wrapped) });
                let answer = self.post(name, Ask::Unwrap, &format!("{path}/unwrapkey"), body)?;
                let Some(answer) = answer.filter(|answer| answer.status == 200) else { continue };
                if unb64(&answer.json()["value"]) != secret {
                    return Err(format!("{path} opened what it wrapped as something else"));
                }
            }
        }
        Ok(())
    }

    /// A key of this name through all of its life, and two beside.
    ///
    /// # Errors
    /// The broker answered what cannot be true, or did not answer in time.
    pub fn pass(&mut self, name: &str) -> Result<(), Violation> {
        let (binned, purged) = (format!("{name}-b"), format!("{name}-p"));
        self.create(name)?;
        self.wrap(name)?;
        self.rotate(name)?;
        self.wrap(name)?;
        self.patch(name, 1)?;
        self.create(&purged)?;
        self.delete(&purged)?;
        self.purge(&purged)?;
        self.create(&binned)?;
        self.wrap(&binned)?;
        self.delete(&binned)?;
        self.get(&binned)?;
        self.recover(&binned)?;
        self.patch(name, 2)?;
        self.get(name)?;
        self.unwrap_all(&binned)?;
        self.unwrap_all(name)
    }

    /// Everything that the ledger knows, asked for: nothing may be refused for want of a disk now.
    ///
    /// # Errors
    /// Something that was acknowledged is not there, or not so.
    pub fn look_over(&mut self) -> Result<(), Violation> {
        let before = (self.ledger.unserved, self.ledger.unanswered);
        for name in self.ledger.keys.keys().cloned().collect::<Vec<_>>() {
            self.get(&name)?;
            if self.ledger.may_live(&name) {
                self.every_version(&name)?;
                self.unwrap_all(&name)?;
            }
        }
        if before == (self.ledger.unserved, self.ledger.unanswered) {
            Ok(())
        } else {
            Err("the broker does not serve though its disk is whole again".to_owned())
        }
    }

    /// Each version that was ever answered is there, also if it wrapped nothing.
    fn every_version(&mut self, name: &str) -> Result<(), Violation> {
        let Some(key) = self.ledger.keys.get(name).cloned() else { return Ok(()) };
        for path in key.versions.into_keys() {
            self.ask(name, Ask::GetVersion, ("GET", &path, None))?;
        }
        Ok(())
    }
}
