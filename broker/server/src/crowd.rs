//! How many connections each principal has open: one must not take every place.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use broker_core::name::Principal;

/// Open connections by principal, over all fronts; no larger than the number of connections.
pub struct Crowd {
    each_max: usize,
    open: Mutex<HashMap<Principal, usize>>,
}

/// One connection's place, given back when this is dropped.
pub struct Entrance {
    crowd: Arc<Crowd>,
    principal: Principal,
}

impl Crowd {
    #[must_use]
    pub fn new(each_max: usize) -> Arc<Self> {
        Arc::new(Self { each_max, open: Mutex::default() })
    }

    /// A place for one more connection; none when the principal has as many as it may.
    pub fn enter(self: &Arc<Self>, principal: &Principal) -> Option<Entrance> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(principal.clone()).or_default();
        if *count >= self.each_max {
            return None;
        }
        *count += 1;
        Some(Entrance { crowd: Arc::clone(self), principal: principal.clone() })
    }
}

impl Drop for Entrance {
    fn drop(&mut self) {
        let mut open = self.crowd.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.principal) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.principal);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_principal_has_its_own_places_and_gets_them_back() {
        let crowd = Crowd::new(2);
        let [a, b] = ["corp/dns:a", "corp/dns:b"].map(|name| Principal::parse(name).unwrap());
        let mut places: Vec<_> = (0..2).map(|_| crowd.enter(&a).unwrap()).collect();
        assert!(crowd.enter(&a).is_none());
        let other = crowd.enter(&b).unwrap();
        places.pop();
        let again = crowd.enter(&a).unwrap();
        assert!(crowd.enter(&a).is_none());
        drop((places, other, again));
        assert!(crowd.open.lock().unwrap().is_empty());
    }
}
