//! What a broker may say of a key, after all that it answered and all that it left open.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::https::Answer;
use crate::keyvault::unb64;

/// What is wrong, in a sentence.
pub type Violation = String;

/// Where a key is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Life {
    None,
    Live,
    Deleted,
    /// Marked: there is no way back, and the broker finishes it by itself.
    Purging,
    Gone,
}

/// What is asked of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    Create,
    Delete,
    Get,
    /// A version by its own name; tags are each version's own.
    GetVersion,
    Patch(u32),
    Purge,
    Recover,
    Rotate,
    Unwrap,
    Wrap,
}

impl Ask {
    /// What becomes of a key in this state; none when it must be refused.
    const fn done(self, life: Life) -> Option<Life> {
        match (self, life) {
            (Self::Create, Life::None | Life::Live | Life::Gone) => Some(Life::Live),
            (Self::Delete, Life::Live) => Some(Life::Deleted),
            (Self::Get | Self::GetVersion | Self::Patch(_) | Self::Rotate | Self::Unwrap | Self::Wrap, Life::Live) => {
                Some(Life::Live)
            }
            (Self::Purge, Life::Deleted | Life::Purging) => Some(Life::Gone),
            (Self::Recover, Life::Deleted) => Some(Life::Live),
            _ => None,
        }
    }

    /// Where else a key can be found when nobody knows how it went.
    const fn halfway(self, life: Life) -> Option<Life> {
        match (self, life) {
            (Self::Purge, Life::Deleted) => Some(Life::Purging),
            _ => None,
        }
    }
}

/// A secret, and what it became when it was wrapped.
type Wrapped = (Vec<u8>, Vec<u8>);

/// One key.
#[derive(Debug, Clone)]
pub struct Key {
    lives: BTreeSet<Life>,
    tags: BTreeSet<u32>,
    /// `/keys/NAME/VERSION` of each version that was answered, and what it wrapped.
    pub versions: BTreeMap<String, Vec<Wrapped>>,
}

impl Default for Key {
    fn default() -> Self {
        Self { lives: BTreeSet::from([Life::None]), tags: BTreeSet::from([0]), versions: BTreeMap::new() }
    }
}

/// Every key that was asked for, and the id of every request that was decided.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    pub keys: BTreeMap<String, Key>,
    /// `x-ms-request-id`, and whether it was allowed.
    pub decided: Vec<(String, bool)>,
    /// Answers that say that the broker could not.
    pub unserved: u64,
    /// Requests that no answer came to.
    pub unanswered: u64,
}

impl Ledger {
    /// Notes an answer, or that none came.
    ///
    /// # Errors
    /// It cannot be true.
    pub fn heard(&mut self, name: &str, ask: Ask, answer: Option<&Answer>) -> Result<(), Violation> {
        let key = self.keys.entry(name.to_owned()).or_default();
        let Some(answer) = answer.filter(|answer| answer.status < 500) else {
            *(if answer.is_some() { &mut self.unserved } else { &mut self.unanswered }) += 1;
            let moved = key.lives.iter().flat_map(|life| [ask.done(*life), ask.halfway(*life)]).flatten();
            let moved: Vec<_> = moved.collect();
            key.lives.extend(moved);
            if let Ask::Patch(tag) = ask {
                key.tags.insert(tag);
            }
            return Ok(());
        };
        let allowed = matches!(answer.status, 200 | 204);
        if let Some(request) = answer.header("x-ms-request-id") {
            self.decided.push((request.to_owned(), allowed));
        }
        let before = key.lives.clone();
        if before.contains(&Life::Purging) {
            key.lives.insert(Life::Gone);
        }
        let becomes = |life: &Life| match ask.done(*life) {
            Some(next) => allowed.then_some(next),
            None => (!allowed && matches!(answer.status, 400..500)).then_some(*life),
        };
        key.lives = key.lives.iter().filter_map(becomes).collect();
        if key.lives.is_empty() {
            let said = String::from_utf8_lossy(&answer.body);
            return Err(format!("{ask:?} of {name} was answered {} though it is {before:?}: {said}", answer.status));
        }
        if allowed { key.learn(name, ask, &answer.json()) } else { Ok(()) }
    }

    /// Whether a key may be there for use.
    #[must_use]
    pub fn may_live(&self, name: &str) -> bool {
        self.keys.get(name).is_some_and(|key| key.lives.contains(&Life::Live))
    }

    /// What others noted, too; their keys are others.
    pub fn add(&mut self, other: Self) {
        self.keys.extend(other.keys);
        self.decided.extend(other.decided);
        self.unserved += other.unserved;
        self.unanswered += other.unanswered;
    }
}

impl Key {
    /// What a good answer says beside its status.
    fn learn(&mut self, name: &str, ask: Ask, shown: &Value) -> Result<(), Violation> {
        match ask {
            Ask::Create | Ask::Rotate => {
                self.versions.entry(path_of(&shown["key"]["kid"])?).or_default();
            }
            Ask::Patch(tag) => self.tags = BTreeSet::from([tag]),
            Ask::Get => {
                path_of(&shown["key"]["kid"])?;
                let tag = shown["tags"]["turn"].as_str().map_or(Some(0), |text| text.parse().ok());
                let tag = tag.filter(|tag| self.tags.contains(tag));
                let tag = tag.ok_or_else(|| format!("{name} has tags {}, not {:?}", shown["tags"], self.tags))?;
                self.tags = BTreeSet::from([tag]);
            }
            // A deleted and recovered key comes back with its tags; a purged one's successor has none.
            Ask::Purge => *self = Self { lives: self.lives.clone(), ..Self::default() },
            Ask::Delete | Ask::GetVersion | Ask::Recover | Ask::Unwrap | Ask::Wrap => {}
        }
        Ok(())
    }

    /// Remembers what was wrapped, and by which version.
    ///
    /// # Errors
    /// The answer names no version.
    pub fn wrapped(&mut self, secret: &[u8], shown: &Value) -> Result<(), Violation> {
        let wrapped = (secret.to_vec(), unb64(&shown["value"]));
        self.versions.entry(path_of(&shown["kid"])?).or_default().push(wrapped);
        Ok(())
    }
}

/// The path of a `kid`.
fn path_of(kid: &Value) -> Result<String, Violation> {
    let kid = kid.as_str().ok_or("an answer without a kid")?;
    kid.find("/keys/").map(|at| kid[at..].to_owned()).ok_or_else(|| format!("{kid} is no kid"))
}
