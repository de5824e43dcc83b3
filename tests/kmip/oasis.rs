//! The OASIS cases of 1.3 and 1.4, each version from its first file to its last on one connection.

use broker_front_kmip::ttlv::Item;
use keybroker_tests::kmip::case::{EXCEPTED, Exchange, cases, read};
use keybroker_tests::kmip::compare::Memory;
use keybroker_tests::now_s;

use keybroker_tests::desk::{kmip, owner, speak};

fn replay(version: &str) {
    let broker = kmip(&[]).start();
    let speaker = speak(&owner(&broker, "oasis"));
    let mut memory = Memory::new(now_s());
    let mut failed = Vec::new();
    let files = cases(version);
    for file in &files {
        memory.next_case();
        let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
        for (at, Exchange { request, response }) in read(file).into_iter().enumerate() {
            let request = request.item(&memory.variables);
            let answer = Item::decode(&speaker.ask(&request.encode()).0).unwrap();
            if let Err(why) = memory.check(&request, &response, &answer) {
                failed.push((name, at + 1, why));
                break;
            }
        }
    }
    let of_version = EXCEPTED.iter().filter(|row| row.0.ends_with(&version[version.len() - 1..]));
    let expected: Vec<(&str, usize)> = of_version.map(|row| (row.0, row.1)).collect();
    let differ: Vec<(&str, usize)> = failed.iter().map(|(name, at, _)| (name.as_str(), *at)).collect();
    assert_eq!(differ, expected, "{failed:#?}");
    assert!(files.len() - failed.len() >= 22, "{} cases passed", files.len() - failed.len());
}

#[test]
fn the_cases_of_1_3_come_out_as_printed() {
    replay("v1.3");
}

#[test]
fn the_cases_of_1_4_come_out_as_printed() {
    replay("v1.4");
}
