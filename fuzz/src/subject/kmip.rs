//! What must hold for any bytes at all; the fuzz target and the bounded run of the ordinary tests ask the same.

use std::sync::Arc;

use broker_core::grant::Scope;
use broker_core::name::RequestId;
use broker_core::permission::Permission;
use broker_front_kmip::name::Tag;
use broker_front_kmip::ttlv::Item;
use broker_front_kmip::{AskerSeed, Front, Settings};
use broker_testkit::{Bench, principal, run};

const CLIENT: &str = "corp/cn:fuzz";

/// A front on fakes, and a client that may have objects.
pub struct Subject {
    _bench: Bench,
    front: Front,
    seed: AskerSeed,
}

impl Subject {
    #[must_use]
    pub fn new() -> Self {
        let bench = Bench::new();
        bench.give(CLIENT, &[Permission::ObjectOwn, Permission::Rng], Scope::Vault(bench.vault()));
        let front = Front::new(Arc::clone(&bench.broker), Settings::default());
        let seed = AskerSeed {
            request: RequestId([7; 16]),
            principal: principal(CLIENT),
            fingerprint_sha256: None,
            peer: ([127, 0, 0, 1], 1).into(),
            proof: None,
            vault: bench.vault(),
            now_s: 1_800_000_000,
        };
        Self { _bench: bench, front, seed }
    }

    /// What is read is written again, and again the same; whatever it is, the answer is a response that reads.
    ///
    /// # Panics
    /// Something of this does not hold.
    pub fn check(&self, bytes: &[u8]) {
        if let Ok(item) = Item::decode(bytes) {
            assert_eq!(item.bytes(), bytes.len(), "nothing is passed over");
            let written = item.encode();
            assert_eq!(Item::decode(&written).expect("what was written reads"), item);
        }
        let answer = run(self.front.answer(self.seed.clone(), bytes));
        let answer = Item::decode(&answer.bytes).expect("an answer reads");
        assert_eq!(answer.tag, Tag::ResponseMessage);
        assert!(answer.find(Tag::BatchItem).is_some(), "something is said to each message");
    }
}
