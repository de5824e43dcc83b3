//! A plugin's private state: in memory for reading, on the shelf before a change is answered.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use broker_core::refusal::Failure;
use tokio::sync::Mutex;

use crate::outside::{Kept, Shelf};

/// Entries of one plugin.
const ENTRIES_MAX: usize = 1_024;
/// All names and values together.
const BYTES_MAX: usize = 256 << 10;
/// Changes in one commit.
const CHANGES_MAX: usize = 64;
const NAME_BYTES_MAX: usize = 256;
const VALUE_BYTES_MAX: usize = 32 << 10;
/// Names in one answer.
const LISTED_MAX: usize = 100;

/// All that one plugin keeps.
pub struct State {
    kept: RwLock<BTreeMap<String, Value>>,
    /// One commit at a time: checked, made durable and put in force as one.
    desk: Mutex<()>,
    shelf: Arc<dyn Shelf>,
}

#[derive(Clone)]
pub struct Value {
    pub bytes: Arc<[u8]>,
    pub revision: u64,
}

/// One change of a commit, as `keyvalue.wit` has it.
pub struct Change {
    pub name: String,
    pub rests_on: u64,
    pub value: Option<Vec<u8>>,
}

/// Why a commit changed nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotCommitted {
    BadRequest,
    OverQuota,
    Stale,
    Unavailable,
}

impl State {
    /// What the shelf holds.
    ///
    /// # Errors
    /// The shelf cannot be read.
    pub async fn open(shelf: Arc<dyn Shelf>) -> Result<Self, Failure> {
        let entries = shelf.entries().await?.into_iter();
        let kept = entries.map(|kept| (kept.name, Value { bytes: kept.value.into(), revision: kept.revision }));
        Ok(Self { kept: RwLock::new(kept.collect()), desk: Mutex::new(()), shelf })
    }

    pub fn get(&self, name: &str) -> Option<Value> {
        self.look(|kept| kept.get(name).cloned())
    }

    /// Names that begin so, after `after`, in order.
    pub fn list(&self, prefix: &str, after: Option<&str>) -> Vec<String> {
        self.look(|kept| {
            let from = after.filter(|after| *after > prefix).unwrap_or(prefix);
            let names = kept.range(from.to_owned()..).map(|(name, _)| name);
            let begin_so = names.take_while(|name| name.starts_with(prefix));
            begin_so.filter(|name| after != Some(name.as_str())).take(LISTED_MAX).cloned().collect()
        })
    }

    /// All or nothing; runs to its end even when the call that asked for it has been ended (spawn it).
    pub async fn commit(&self, changes: Vec<Change>) -> Result<(), NotCommitted> {
        check_form(&changes)?;
        let _desk = self.desk.lock().await;
        let changes = self.look(|kept| checked(kept, changes))?;
        let durable = changes.iter().map(|(name, value)| (name.clone(), value.as_ref().map(|value| value.of(name))));
        if let Err(failure) = self.shelf.commit(durable.collect()).await {
            tracing::warn!(error = %failure, "a plugin's state cannot be kept");
            return Err(NotCommitted::Unavailable);
        }
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        for (name, value) in changes {
            match value {
                Some(value) => drop(kept.insert(name, value)),
                None => drop(kept.remove(&name)),
            }
        }
        Ok(())
    }

    fn look<T>(&self, with: impl FnOnce(&BTreeMap<String, Value>) -> T) -> T {
        with(&self.kept.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Value {
    fn of(&self, name: &str) -> Kept {
        Kept { name: name.to_owned(), value: self.bytes.to_vec(), revision: self.revision }
    }
}

fn check_form(changes: &[Change]) -> Result<(), NotCommitted> {
    let sound = |change: &Change| {
        (1..=NAME_BYTES_MAX).contains(&change.name.len())
            && change.value.as_ref().is_none_or(|value| value.len() <= VALUE_BYTES_MAX)
    };
    let twice = |(at, change): (usize, &Change)| changes[..at].iter().any(|other| other.name == change.name);
    match changes.len() <= CHANGES_MAX && changes.iter().all(sound) && !changes.iter().enumerate().any(twice) {
        true => Ok(()),
        false => Err(NotCommitted::BadRequest),
    }
}

/// The changes with their new revisions, if they rest on what is there and leave no more than may be.
fn checked(kept: &BTreeMap<String, Value>, changes: Vec<Change>) -> Result<Vec<(String, Option<Value>)>, NotCommitted> {
    let stands = |change: &Change| kept.get(&change.name).map_or(0, |value| value.revision) == change.rests_on;
    if !changes.iter().all(stands) {
        return Err(NotCommitted::Stale);
    }
    let weight = |name: &str, bytes: &[u8]| name.len() + bytes.len();
    let touched = |name: &str| changes.iter().any(|change| change.name == name);
    let (mut entries, mut bytes) = (0, 0);
    for (name, value) in kept.iter().filter(|(name, _)| !touched(name)) {
        (entries, bytes) = (entries + 1, bytes + weight(name, &value.bytes));
    }
    for change in &changes {
        if let Some(value) = &change.value {
            (entries, bytes) = (entries + 1, bytes + weight(&change.name, value));
        }
    }
    if entries > ENTRIES_MAX || bytes > BYTES_MAX {
        return Err(NotCommitted::OverQuota);
    }
    // One above all others, and not above the entry's own: an entry that went and came again is not the old one.
    let revision = kept.values().map(|value| value.revision).max().unwrap_or(0) + 1;
    let value = |value: Vec<u8>| Value { bytes: value.into(), revision };
    Ok(changes.into_iter().map(|change| (change.name, change.value.map(value))).collect())
}

#[cfg(test)]
mod tests {
    use broker_core::port::Later;
    use broker_core::refusal::Refusal;

    use super::*;

    /// A shelf that remembers, or refuses.
    #[derive(Default)]
    struct Board {
        kept: std::sync::Mutex<BTreeMap<String, Kept>>,
        broken: std::sync::atomic::AtomicBool,
    }

    impl Shelf for Arc<Board> {
        fn entries(&self) -> Later<'static, Result<Vec<Kept>, Failure>> {
            let kept = self.kept.lock().unwrap().values().cloned().collect();
            Box::pin(std::future::ready(Ok(kept)))
        }

        fn commit(&self, changes: Vec<(String, Option<Kept>)>) -> Later<'static, Result<(), Failure>> {
            if self.broken.load(std::sync::atomic::Ordering::Relaxed) {
                return Box::pin(std::future::ready(Err(Refusal::StoreUnavailable.into())));
            }
            let mut kept = self.kept.lock().unwrap();
            for (name, value) in changes {
                match value {
                    Some(value) => drop(kept.insert(name, value)),
                    None => drop(kept.remove(&name)),
                }
            }
            Box::pin(std::future::ready(Ok(())))
        }
    }

    fn put(name: &str, rests_on: u64, value: &[u8]) -> Change {
        Change { name: name.to_owned(), rests_on, value: Some(value.to_vec()) }
    }

    async fn opened(board: &Arc<Board>) -> State {
        State::open(Arc::new(Arc::clone(board))).await.unwrap()
    }

    #[tokio::test]
    async fn what_was_committed_is_there_again_and_a_commit_on_an_older_state_is_stale() {
        let board = Arc::new(Board::default());
        let state = opened(&board).await;
        state.commit(vec![put("a", 0, b"1"), put("b", 0, b"2")]).await.unwrap();
        let first = state.get("a").unwrap().revision;
        assert_eq!(state.commit(vec![put("a", 0, b"3")]).await, Err(NotCommitted::Stale));
        assert_eq!(state.commit(vec![put("b", first, b"3"), put("a", 99, b"3")]).await, Err(NotCommitted::Stale));
        assert_eq!(&*state.get("b").unwrap().bytes, b"2", "all or nothing");
        state.commit(vec![put("a", first, b"3")]).await.unwrap();
        let again = opened(&board).await;
        assert_eq!((&*again.get("a").unwrap().bytes, &*again.get("b").unwrap().bytes), (&b"3"[..], &b"2"[..]));
        let gone = Change { name: "a".to_owned(), rests_on: again.get("a").unwrap().revision, value: None };
        again.commit(vec![gone]).await.unwrap();
        assert!(again.get("a").is_none() && opened(&board).await.get("a").is_none());
    }

    #[tokio::test]
    async fn what_the_shelf_does_not_take_did_not_happen() {
        let board = Arc::new(Board::default());
        let state = opened(&board).await;
        board.broken.store(true, std::sync::atomic::Ordering::Relaxed);
        assert_eq!(state.commit(vec![put("a", 0, b"1")]).await, Err(NotCommitted::Unavailable));
        assert!(state.get("a").is_none());
    }

    #[tokio::test]
    async fn a_state_has_limits() {
        let state = opened(&Arc::default()).await;
        let long = "n".repeat(NAME_BYTES_MAX + 1);
        for bad in [
            vec![put("", 0, b"")],
            vec![put(&long, 0, b"")],
            vec![put("a", 0, &[0; VALUE_BYTES_MAX + 1])],
            vec![put("a", 0, b""), put("a", 0, b"")],
            (0..=CHANGES_MAX).map(|number| put(&format!("a{number}"), 0, b"")).collect(),
        ] {
            assert_eq!(state.commit(bad).await, Err(NotCommitted::BadRequest));
        }
        for number in 0..7 {
            state.commit(vec![put(&format!("big{number}"), 0, &[0; VALUE_BYTES_MAX])]).await.unwrap();
        }
        assert_eq!(state.commit(vec![put("big7", 0, &[0; VALUE_BYTES_MAX])]).await, Err(NotCommitted::OverQuota));
        // What makes room and what takes it may come together.
        let room = Change { name: "big0".to_owned(), rests_on: state.get("big0").unwrap().revision, value: None };
        state.commit(vec![room, put("big7", 0, &[0; VALUE_BYTES_MAX])]).await.unwrap();
        let state = opened(&Arc::default()).await;
        for first in (0..ENTRIES_MAX).step_by(CHANGES_MAX) {
            let many = (first..first + CHANGES_MAX).map(|number| put(&format!("{number:04}"), 0, b""));
            state.commit(many.collect()).await.unwrap();
        }
        assert_eq!(state.commit(vec![put("more", 0, b"")]).await, Err(NotCommitted::OverQuota));
        assert_eq!(state.list("", None).len(), LISTED_MAX);
        assert_eq!(state.list("01", Some("0198")), ["0199"]);
        assert_eq!(state.list("10", None).first().map(String::as_str), Some("1000"));
        assert!(state.list("x", Some("0198")).is_empty());
    }
}
