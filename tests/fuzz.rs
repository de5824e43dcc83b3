//! Every fuzz target runs for a while from its corpus and finds nothing: `KEYBROKER_FUZZ_SECONDS` each (60 unless said), two at
//! a time on two cores. `./dev fuzz` runs them for as long as asked.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use keybroker_tests::{fuzz, fuzz_targets};

const SECONDS_DEFAULT: u64 = 60;

fn time() -> Duration {
    let seconds = std::env::var("KEYBROKER_FUZZ_SECONDS").ok().map(|text| text.parse().expect("a number of seconds"));
    Duration::from_secs(seconds.unwrap_or(SECONDS_DEFAULT))
}

fn check(target: &str) {
    let folder = tempfile::tempdir().unwrap();
    let run = fuzz(target, time(), &folder.path().join("grown"), &folder.path().join("found"));
    if let Some((input, said)) = &run.finding {
        let bytes = std::fs::read(input).unwrap_or_default();
        panic!("{said}\nthe input, to be kept in fuzz/corpus/{target}: {:?}", String::from_utf8_lossy(&bytes));
    }
    assert!(run.executions > run.corpus.0 as u64, "{run:?}");
    // Without its counters a target would try bytes at random and find nothing for years.
    assert!(run.edges.0 > 100 && run.edges.1 >= run.edges.0 && run.edges_all > run.edges.1, "{run:?}");
}

macro_rules! targets {
    ($($target:ident: $claim:ident,)+) => {
        $(#[test]
        fn $claim() {
            check(stringify!($target));
        })+

        #[test]
        fn every_target_is_run() {
            assert_eq!(fuzz_targets(), [$(stringify!($target)),+]);
        }
    };
}

targets! {
    audit: changed_audit_files_are_noticed,
    backup: changed_backups_and_shares_are_refused,
    certificate: a_principal_stands_in_its_certificate,
    config: a_configuration_is_within_its_limits_or_refused,
    ekm: every_request_of_the_proxy_api_is_answered_in_form,
    keyvault: every_request_of_key_vaults_api_is_answered_in_form,
    kmip: every_kmip_message_is_answered,
    material: a_key_that_is_taken_is_one,
    name: a_name_has_one_form,
    plugin: what_is_said_of_plugins_is_believed_when_signed,
    worker: a_workers_frames_say_one_thing,
}
