//! A bounded run of the fuzz target: the requests of the OASIS cases, changed in every way that has broken decoders before.
#![allow(clippy::unwrap_used)]

#[path = "../../../fuzz/src/subject/kmip.rs"]
mod check;
#[path = "../../../tests/src/kmip/mod.rs"]
#[allow(dead_code)] // what the replay needs beside
mod kmip;

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use broker_core::port::Chance as _;
use broker_testkit::SeededChance;
use kmip::case::{Variables, cases, read};

/// Changed messages in one run; some seconds of one processor.
const ROUNDS: usize = 4000;
const SEED: u64 = 20_261_122;

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/kmip")
}

/// The requests of all cases, each once, with something in the place of every variable.
fn requests() -> BTreeSet<Vec<u8>> {
    let mut known: HashMap<String, String> = HashMap::new();
    for at in 0..30 {
        known.insert(format!("UNIQUE_IDENTIFIER_{at}"), format!("00000000-0000-4000-8000-{at:012}"));
        known.insert(format!("DATA_{at}"), "00".repeat(16));
    }
    for name in ["IV_COUNTER_NONCE", "AUTHENTICATED_ENCRYPTION_TAG", "CORRELATION_VALUE"] {
        known.insert(name.to_owned(), "00".repeat(16));
    }
    let variables = Variables { known, now_s: 1_800_000_000 };
    let files = cases("v1.3").into_iter().chain(cases("v1.4"));
    // The longest case is one exchange some fifty times over.
    let few = files.flat_map(|file| read(&file).into_iter().take(12));
    few.map(|exchange| exchange.request.item(&variables).encode().to_vec()).collect()
}

/// Where one step of a change is drawn from.
struct Dice(SeededChance);

impl Dice {
    fn below(&self, end: usize) -> usize {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        usize::try_from(u64::from_be_bytes(bytes) % end.max(1) as u64).unwrap()
    }

    /// A flipped bit, another byte, a length at its edge, a piece cut out, doubled or brought in from elsewhere.
    fn change(&self, bytes: &mut Vec<u8>, others: &[Vec<u8>]) {
        let at = self.below(bytes.len());
        match self.below(6) {
            0 => bytes[at] ^= 1 << self.below(8),
            1 => bytes[at] = u8::try_from(self.below(256)).unwrap(),
            2 => {
                let edge = [0, 7, 8, 0x7fff_ffff, u32::MAX][self.below(5)].to_be_bytes();
                let at = at & !7;
                bytes[at..].iter_mut().skip(4).zip(edge).for_each(|(byte, new)| *byte = new);
            }
            3 => bytes.truncate(at.max(1)),
            4 => {
                let piece = bytes[at..(at + 8 * self.below(20)).min(bytes.len())].to_vec();
                let _removed: Vec<u8> = bytes.splice(at & !7..at & !7, piece).collect();
            }
            _ => {
                let other = &others[self.below(others.len())];
                let from = self.below(other.len()) & !7;
                let end = (at + other.len() - from).min(bytes.len());
                bytes[at..end].copy_from_slice(&other[from..from + end - at]);
            }
        }
    }
}

#[test]
fn changed_messages_are_read_without_harm_and_answered() {
    let files = std::fs::read_dir(corpus()).unwrap().map(|entry| entry.unwrap().path());
    let corpus: Vec<Vec<u8>> = files.map(|file| std::fs::read(file).unwrap()).collect();
    assert!(corpus.len() > 100);
    let subject = check::Subject::new();
    corpus.iter().for_each(|message| subject.check(message));
    let dice = Dice(SeededChance::new(SEED));
    for _ in 0..ROUNDS {
        let mut message = corpus[dice.below(corpus.len())].clone();
        for _ in 0..=dice.below(4) {
            dice.change(&mut message, &corpus);
        }
        subject.check(&message);
    }
}

#[test]
fn the_corpus_is_the_requests_of_the_cases() {
    let kept = std::fs::read_dir(corpus()).unwrap().map(|entry| std::fs::read(entry.unwrap().path()).unwrap());
    let (kept, requests): (BTreeSet<_>, _) = (kept.collect(), requests());
    assert!(kept == requests, "{} kept, {} made; `--ignored` writes them anew", kept.len(), requests.len());
}

/// Writes the corpus; to be run when the cases change.
#[test]
#[ignore = "writes into the repository"]
fn the_corpus_is_written_anew() {
    std::fs::create_dir_all(corpus()).unwrap();
    for (at, message) in requests().into_iter().enumerate() {
        std::fs::write(corpus().join(format!("{at:03}.ttlv")), message).unwrap();
    }
}
