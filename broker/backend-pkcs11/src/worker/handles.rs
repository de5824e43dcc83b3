//! Objects that were found, by name. Looking for one takes a token milliseconds where it holds many.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use cryptoki::object::ObjectHandle;

use crate::wire::ObjectName;

/// Most handles kept; when they are more, all are forgotten and found again.
const HANDLES_MAX: usize = 65_536;

/// Which object of a name: a pair has two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    Private,
    Public,
    Secret,
}

/// Handles are valid in all sessions of a process until it logs out (PKCS#11 2.40 section 2.6.7).
#[derive(Default)]
pub struct Handles(Mutex<HashMap<(ObjectName, Part), ObjectHandle>>);

impl Handles {
    pub fn get(&self, name: &ObjectName, part: Part) -> Option<ObjectHandle> {
        self.map().get(&(name.clone(), part)).copied()
    }

    pub fn keep(&self, name: &ObjectName, part: Part, handle: ObjectHandle) {
        let mut map = self.map();
        if map.len() >= HANDLES_MAX {
            map.clear();
        }
        map.insert((name.clone(), part), handle);
    }

    pub fn forget(&self, name: &ObjectName) {
        let mut map = self.map();
        for part in [Part::Private, Part::Public, Part::Secret] {
            map.remove(&(name.clone(), part));
        }
    }

    pub fn forget_all(&self) {
        self.map().clear();
    }

    fn map(&self) -> MutexGuard<'_, HashMap<(ObjectName, Part), ObjectHandle>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
