//! The OASIS cases against this front alone, on fakes: the same runner that replays them through the real binary.
#![allow(clippy::unwrap_used)]

#[path = "../../../tests/src/kmip/mod.rs"]
#[allow(dead_code)] // requests of our own making are for other tests
mod kmip;

use std::sync::Arc;

use broker_core::grant::Scope;
use broker_core::name::RequestId;
use broker_core::permission::Permission;
use broker_front_kmip::ttlv::Item;
use broker_front_kmip::{AskerSeed, Front, Settings};
use broker_testkit::{Bench, principal, run};
use kmip::case::{EXCEPTED, Exchange, cases, read};
use kmip::compare::Memory;

const CLIENT: &str = "corp/cn:client";
const NOW_S: i64 = 1_800_000_000;

fn replay(version: &str) {
    let bench = Bench::new();
    bench.give(CLIENT, &[Permission::ObjectOwn], Scope::Vault(bench.vault()));
    let front = Front::new(Arc::clone(&bench.broker), Settings::default());
    let seed = AskerSeed {
        request: RequestId([7; 16]),
        principal: principal(CLIENT),
        fingerprint_sha256: None,
        peer: ([127, 0, 0, 1], 1).into(),
        proof: None,
        vault: bench.vault(),
        now_s: NOW_S,
    };
    let mut memory = Memory::new(NOW_S);
    let mut failed = Vec::new();
    for file in cases(version) {
        memory.next_case();
        let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
        for (at, Exchange { request, response }) in read(&file).into_iter().enumerate() {
            let request = request.item(&memory.variables);
            let answer = run(front.answer(seed.clone(), &request.encode()));
            let answer = Item::decode(&answer.bytes).unwrap();
            if let Err(why) = memory.check(&request, &response, &answer) {
                failed.push((name, at + 1, why));
                break;
            }
        }
    }
    let expected: Vec<(&str, usize)> =
        EXCEPTED.iter().filter(|row| row.0.ends_with(&version[3..])).map(|row| (row.0, row.1)).collect();
    let differ: Vec<(&str, usize)> = failed.iter().map(|(name, at, _)| (name.as_str(), *at)).collect();
    assert_eq!(differ, expected, "{failed:#?}");
}

#[test]
fn the_cases_of_1_3_come_out_as_printed() {
    replay("v1.3");
}

#[test]
fn the_cases_of_1_4_come_out_as_printed() {
    replay("v1.4");
}
