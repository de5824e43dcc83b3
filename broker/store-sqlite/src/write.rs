//! The one writer: a thread that owns the connection, and puts commits that wait together into one transaction.

use std::sync::Arc;

use broker_core::key::KeyState;
use broker_core::port::{Change, CommitError};
use broker_core::refusal::Failure;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use tokio::sync::{mpsc, oneshot};

use crate::cache::{Opened, RecordCache};
use crate::claim::Claim;
use crate::keyring::Keyring;
use crate::object::{self, TermId};
use crate::record::{Record, Setting};
use crate::refuse::StoreError;
use crate::row::{Kind, Mark, RecordId};
use crate::state::{Published, State};

/// Commits that wait for the writer; one more waits outside.
pub const QUEUE_COMMITS_MAX: usize = 256;
/// Commits that share one transaction and one sync.
const GROUP_COMMITS_MAX: usize = 128;
/// Longest name and value of a setting, in bytes (the port's own limits).
const SETTING_NAME_BYTES_MAX: usize = 64;
const SETTING_BYTES_MAX: usize = 64 * 1024;

/// What must hold of the row that is there, for a write to happen.
#[derive(Debug, Clone, Copy)]
enum Rule {
    /// Put: the stored revision is one less; 1 means that there is none.
    Follow { revision: u64 },
    /// Put: there is none.
    Once,
    /// Put, whatever was there.
    Replace,
    /// Take away; nothing to do when there is none.
    Drop,
    /// Take away: the stored revision is this one.
    DropAt { revision: u64 },
}

/// What a write does to the cache.
#[derive(Debug)]
enum Shown {
    Gone,
    Nothing,
    Record(Opened),
}

/// One change, ready to be sealed: all that can be done outside the writer's thread is done.
#[derive(Debug)]
pub struct Write {
    kind: Kind,
    id: RecordId,
    parent: RecordId,
    live: bool,
    rule: Rule,
    due: Option<i64>,
    body: Vec<u8>,
    /// What an object is found by.
    terms: Vec<TermId>,
    shown: Shown,
}

impl Write {
    /// # Errors
    /// A record does not encode, or a setting is too long: a bug.
    pub fn of_changes(changes: &[Change], keyring: &Keyring) -> Result<Vec<Self>, StoreError> {
        let mut writes = Vec::with_capacity(changes.len());
        for change in changes {
            writes.extend(Self::of_change(change, keyring)?);
            if let Change::DropKey(key) = change {
                writes.extend(key.versions.iter().map(|version| Self {
                    shown: Shown::Gone,
                    ..Self::unlisted(
                        Kind::Material,
                        keyring.material_id(&key.vault, &key.name, version.version),
                        Rule::Drop,
                        Vec::new(),
                    )
                }));
            }
        }
        Ok(writes)
    }

    const fn unlisted(kind: Kind, id: RecordId, rule: Rule, body: Vec<u8>) -> Self {
        let (parent, live, due) = (RecordId::NONE, true, None);
        Self { kind, id, parent, live, rule, due, body, terms: Vec::new(), shown: Shown::Nothing }
    }

    /// The write of the change's own record; none for one that writes nothing.
    fn of_change(change: &Change, keyring: &Keyring) -> Result<Option<Self>, StoreError> {
        let unlisted = Self::unlisted;
        Ok(Some(match change {
            Change::ClaimNames { .. } => return Ok(None),
            Change::DropElevation(id) => unlisted(Kind::Elevation, keyring.elevation_id(*id), Rule::Drop, Vec::new()),
            Change::DropIdentity(name) => unlisted(Kind::Identity, keyring.identity_id(name), Rule::Drop, Vec::new()),
            Change::DropGrant(id) => unlisted(Kind::Grant, keyring.grant_id(*id), Rule::Drop, Vec::new()),
            Change::DropKey(key) => {
                let (id, rule) = (keyring.key_id(&key.vault, &key.name), Rule::DropAt { revision: key.revision });
                Self { shown: Shown::Gone, ..unlisted(Kind::Key, id, rule, Vec::new()) }
            }
            Change::DropObject(object) => {
                let (id, rule) =
                    (keyring.object_id(&object.vault, object.id), Rule::DropAt { revision: object.revision });
                Self { shown: Shown::Gone, ..unlisted(Kind::Object, id, rule, Vec::new()) }
            }
            Change::DropPin(name) => unlisted(Kind::Pin, keyring.pin_id(name), Rule::Drop, Vec::new()),
            Change::DropSetting(name) => unlisted(Kind::Setting, keyring.setting_id(name), Rule::Drop, Vec::new()),
            Change::DropVault(name) => unlisted(Kind::Vault, keyring.vault_id(name), Rule::Drop, Vec::new()),
            Change::PutElevation(elevation) => {
                let id = keyring.elevation_id(elevation.grant.id);
                unlisted(Kind::Elevation, id, Rule::Replace, elevation.encode()?)
            }
            Change::PutIdentity(identity) => {
                unlisted(Kind::Identity, keyring.identity_id(&identity.name), Rule::Replace, identity.encode()?)
            }
            Change::PutGrant(grant) => {
                unlisted(Kind::Grant, keyring.grant_id(grant.id), Rule::Replace, grant.encode()?)
            }
            Change::PutKey(key) => Self {
                kind: Kind::Key,
                id: keyring.key_id(&key.vault, &key.name),
                parent: keyring.vault_id(&key.vault),
                live: key.state == KeyState::Live,
                rule: Rule::Follow { revision: key.revision },
                due: key.next_due().map(|(due_s, _)| due_s),
                body: key.encode()?,
                terms: Vec::new(),
                shown: Shown::Record(Opened::Key(Arc::clone(key))),
            },
            Change::PutMaterial { vault, key, version, material } => Self {
                kind: Kind::Material,
                id: keyring.material_id(vault, key, *version),
                parent: keyring.key_id(vault, key),
                live: true,
                rule: Rule::Once,
                due: None,
                body: material.encode()?,
                terms: Vec::new(),
                shown: Shown::Record(Opened::Material(Arc::clone(material))),
            },
            Change::PutObject(object) => Self {
                kind: Kind::Object,
                id: keyring.object_id(&object.vault, object.id),
                parent: keyring.vault_id(&object.vault),
                live: !object.life.state.is_destroyed(),
                rule: Rule::Follow { revision: object.revision },
                due: object.next_due_s(),
                body: object.encode()?,
                terms: object::terms_of(object, keyring),
                shown: Shown::Record(Opened::Object(Arc::clone(object))),
            },
            Change::PutPin(pin) => unlisted(Kind::Pin, keyring.pin_id(&pin.name), Rule::Replace, pin.encode()?),
            Change::PutSetting { name, value } => {
                if name.len() > SETTING_NAME_BYTES_MAX || value.len() > SETTING_BYTES_MAX {
                    return Err(StoreError::Bug(format!("a setting of {} bytes is too long", value.len())));
                }
                let setting = Setting { name: name.clone(), value: value.clone() };
                unlisted(Kind::Setting, keyring.setting_id(name), Rule::Replace, setting.encode()?)
            }
            Change::PutVault(vault) => {
                unlisted(Kind::Vault, keyring.vault_id(&vault.name), Rule::Replace, vault.encode()?)
            }
        }))
    }
}

/// A commit on its way to the writer.
pub struct Commit {
    pub writes: Vec<Write>,
    /// Looked at once the writes are done.
    pub claims: Vec<Claim>,
    pub answer: oneshot::Sender<Result<(), CommitError>>,
}

impl Commit {
    fn carry_out(&self, connection: &Connection, keyring: &Keyring, state: &mut State) -> Result<Verdict, StoreError> {
        let verdict = write_all(connection, keyring, state, &self.writes)?;
        if matches!(verdict, Verdict::Done) {
            for claim in &self.claims {
                if !claim.stands(connection, keyring)? {
                    return Ok(Verdict::Stale);
                }
            }
        }
        Ok(verdict)
    }
}

/// Whether a commit's writes were carried out within the transaction.
pub enum Verdict {
    Done,
    /// A key's revision is not the one that follows, or a claimed name is another's.
    Stale,
    /// What must be new is there already.
    Taken,
}

/// Owns the connection that writes.
pub struct Writer {
    pub connection: Connection,
    pub keyring: Arc<Keyring>,
    pub cache: Arc<RecordCache>,
    pub state: State,
    pub published: Arc<Published>,
}

impl Writer {
    /// Serves commits until every sender is gone.
    pub fn run(mut self, mut queue: mpsc::Receiver<Commit>) {
        while let Some(first) = queue.blocking_recv() {
            let mut group = vec![first];
            while group.len() < GROUP_COMMITS_MAX
                && let Ok(next) = queue.try_recv()
            {
                group.push(next);
            }
            self.serve(group);
        }
    }

    fn serve(&mut self, mut group: Vec<Commit>) {
        match self.carry_out(&group) {
            Ok(verdicts) => {
                for (commit, verdict) in group.into_iter().zip(verdicts) {
                    let answer = match verdict {
                        Verdict::Done => Ok(()),
                        Verdict::Stale => Err(CommitError::Stale),
                        Verdict::Taken => {
                            Err(CommitError::Failed(Failure::internal("a record that is written once exists already")))
                        }
                    };
                    // Whoever asked may have gone; what was committed stays.
                    let _gone = commit.answer.send(answer);
                }
            }
            Err(error) if group.len() == 1 => {
                tracing::error!(%error, "a commit failed");
                if let Some(commit) = group.pop() {
                    let _gone = commit.answer.send(Err(CommitError::Failed(error.into())));
                }
            }
            // One commit that does not fit must not take its neighbours with it.
            Err(_) => group.into_iter().for_each(|commit| self.serve(vec![commit])),
        }
    }

    /// One transaction for the whole group: durable, and in the cache, when it returns.
    fn carry_out(&mut self, group: &[Commit]) -> Result<Vec<Verdict>, StoreError> {
        let mut state = self.state;
        let mut transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut verdicts = Vec::with_capacity(group.len());
        for commit in group {
            let savepoint = transaction.savepoint()?;
            let mut next = state;
            let verdict = commit.carry_out(&savepoint, &self.keyring, &mut next)?;
            if matches!(verdict, Verdict::Done) {
                savepoint.commit()?;
                state = next;
            } else {
                savepoint.finish()?;
            }
            verdicts.push(verdict);
        }
        if !verdicts.iter().any(|verdict| matches!(verdict, Verdict::Done)) {
            transaction.rollback()?;
            return Ok(verdicts);
        }
        state.generation += 1;
        state.store(&transaction, &self.keyring)?;
        transaction.commit()?;
        self.state = state;
        for (commit, verdict) in group.iter().zip(&verdicts) {
            if matches!(verdict, Verdict::Done) {
                self.show(&commit.writes);
            }
        }
        self.published.set(&state);
        Ok(verdicts)
    }

    fn show(&self, writes: &[Write]) {
        for write in writes {
            match &write.shown {
                Shown::Gone => self.cache.dropped(&write.id),
                Shown::Nothing => {}
                Shown::Record(opened) => self.cache.committed(write.id, opened.clone()),
            }
        }
    }
}

/// # Errors
/// SQLite fails, or a stored mark makes no sense.
pub fn write_all(
    connection: &Connection,
    keyring: &Keyring,
    state: &mut State,
    writes: &[Write],
) -> Result<Verdict, StoreError> {
    for write in writes {
        let stored = stored_mark(connection, write.kind, write.id)?;
        match (write.rule, &stored) {
            (Rule::Follow { revision }, stored) if !follows(revision, stored.as_ref()) => return Ok(Verdict::Stale),
            (Rule::DropAt { revision }, stored) if !is_at(revision, stored.as_ref()) => return Ok(Verdict::Stale),
            (Rule::Once, Some(_)) => return Ok(Verdict::Taken),
            (Rule::Drop | Rule::DropAt { .. }, None) => {}
            (Rule::Drop | Rule::DropAt { .. }, Some(mark)) => take_away(connection, keyring, state, mark)?,
            (Rule::Follow { .. } | Rule::Once | Rule::Replace, stored) => {
                put(connection, keyring, state, write, stored.as_ref())?;
            }
        }
    }
    Ok(Verdict::Done)
}

fn follows(revision: u64, stored: Option<&Mark>) -> bool {
    let stored = stored.map_or(0, |mark| mark.revision);
    i64::try_from(revision).is_ok_and(|revision| stored.checked_add(1) == Some(revision))
}

fn is_at(revision: u64, stored: Option<&Mark>) -> bool {
    stored.is_some_and(|mark| i64::try_from(revision) == Ok(mark.revision))
}

fn take_away(connection: &Connection, keyring: &Keyring, state: &mut State, mark: &Mark) -> Result<(), StoreError> {
    if mark.kind == Kind::Object {
        object::drop_terms(connection, keyring, state, mark)?;
    }
    state.forget(keyring, mark);
    connection
        .prepare_cached("DELETE FROM mark WHERE kind = ?1 AND id = ?2")?
        .execute(params![mark.kind as u8, mark.id.0])?;
    connection.prepare_cached("DELETE FROM body WHERE seq = ?1")?.execute([mark.seq])?;
    Ok(())
}

fn stored_mark(connection: &Connection, kind: Kind, id: RecordId) -> Result<Option<Mark>, StoreError> {
    let sql = format!("SELECT {} FROM mark WHERE kind = ?1 AND id = ?2", Mark::COLUMNS);
    let found = connection.prepare_cached(&sql)?.query_row(params![kind as u8, id.0], Mark::of_row).optional()?;
    found.map(|mark| mark.ok_or_else(Mark::never_written)).transpose()
}

fn put(
    connection: &Connection,
    keyring: &Keyring,
    state: &mut State,
    write: &Write,
    stored: Option<&Mark>,
) -> Result<(), StoreError> {
    let mark = Mark {
        kind: write.kind,
        id: write.id,
        parent: write.parent,
        live: write.live,
        seq: stored.map_or_else(|| state.take_seq(), |mark| mark.seq),
        revision: stored.map_or(1, |mark| mark.revision + 1),
        stamp: keyring.stamp()?,
        due: write.due,
    };
    if mark.kind == Kind::Object {
        object::put_terms(connection, keyring, state, (stored, &mark), &write.terms)?;
    }
    if let Some(stored) = stored {
        state.forget(keyring, stored);
    }
    state.count(keyring, &mark);
    let sealed = keyring.seal_record(&mark, &write.body)?;
    connection
        .prepare_cached(
            "INSERT INTO mark (kind, id, parent, live, seq, revision, stamp, due) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
             ON CONFLICT (kind, id) DO UPDATE SET parent = excluded.parent, live = excluded.live,
             revision = excluded.revision, stamp = excluded.stamp, due = excluded.due",
        )?
        .execute(params![mark.kind as u8, mark.id.0, mark.parent.0, mark.live, mark.seq, mark.revision, mark.stamp, mark.due])?;
    connection
        .prepare_cached(
            "INSERT INTO body (seq, sealed) VALUES (?1, ?2) ON CONFLICT (seq) DO UPDATE SET sealed = excluded.sealed",
        )?
        .execute(params![mark.seq, sealed])?;
    Ok(())
}
