//! `keybroker hsm-test` on SoftHSM: what the broker's own ways around it rest on.

use std::process::Command;

use keybroker_tests::{WAIT_MAX, keybroker, run};
use serde_json::Value;

use crate::plant::{MODULE, shim};

/// What SoftHSM 2.6 is known to answer; where it is not what one would wish, how the broker gets by.
const FACTS: &[(&str, &str)] = &[
    ("AES-KW wraps as RFC 3394 says", "does"),
    ("AES-KW unwraps what RFC 3394 wrapped", "does"),
    ("AES-KW refuses a value that was tampered with", "refuses"),
    // Hence a secret becomes a session object, which C_WrapKey wraps.
    ("AES-KW through C_Encrypt", "refuses"),
    // It pads to whole blocks before it wraps, so what it wraps is not what it was given. KWP is not served on tokens.
    ("AES-KWP wraps as RFC 5649 says", "wrong"),
    ("AES-GCM encrypts as McGrew and Viega say", "does"),
    ("AES-GCM decrypts", "does"),
    ("AES-GCM wraps a key", "refuses"),
    ("AES-CBC wraps a key", "does"),
    ("AES-CBC unwraps a key", "refuses"),
    ("RSA-2048 opens OAEP with SHA-1", "does"),
    ("RSA-3072 opens OAEP with SHA-1", "does"),
    ("RSA-4096 opens OAEP with SHA-1", "does"),
    // Hence `raw-rsa`.
    ("RSA-2048 opens OAEP with SHA-256", "refuses"),
    ("RSA-2048 does the bare operation (CKM_RSA_X_509)", "does"),
    ("RSA-2048 signs PKCS #1 v1.5 with SHA-256", "does"),
    ("RSA-2048 signs PSS with SHA-512", "does"),
    ("ECDSA signs with P-256", "does"),
    ("ECDSA signs with P-384", "does"),
    ("ECDSA signs with P-521", "does"),
    ("a generated key is sensitive, local and never was extractable", "does"),
    ("a sensitive key does not show its value", "does"),
    ("a key that is not extractable cannot be wrapped", "refuses"),
    ("a key without CKA_WRAP does not wrap", "refuses"),
    ("a key without CKA_UNWRAP does not unwrap", "refuses"),
    ("a sensitive key cannot be made readable", "refuses"),
    ("a key cannot be made extractable again", "refuses"),
    ("a copy of a key is not less protected", "does"),
    ("a session object ends with its session", "does"),
    ("32 sessions at once", "does"),
    ("8 threads wrap and unwrap, each in its session", "does"),
    ("a wrong PIN is refused as such", "does"),
    ("the token survives a kill in the middle of making a key pair", "does"),
    // Hence no worker is killed before it has logged in.
    ("the token survives a kill at a write within C_Login", "wrong"),
];

fn hsm_test(module: &str) -> Command {
    let mut command = Command::new(keybroker());
    command.args(["hsm-test", "--module", module]);
    command
}

#[test]
fn softhsm_answers_what_the_brokers_ways_around_it_rest_on() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report.json");
    let done = run(hsm_test(MODULE).arg("--json").arg(&file), WAIT_MAX * 4);
    let table = String::from_utf8(done.stdout).unwrap();
    assert_eq!(done.status.code(), Some(1), "something is wrong with SoftHSM:\n{table}");
    let report: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    assert_eq!(report["facts"]["model"], "SoftHSM v2");
    let rows = report["rows"].as_array().unwrap();
    for (question, answer) in FACTS {
        let row = rows.iter().find(|row| row["question"] == *question).unwrap_or_else(|| panic!("{question}"));
        assert_eq!(row["answer"], *answer, "{row}");
        assert!(table.contains(question), "{table}");
    }
    let faults = rows.iter().filter(|row| ["crashes", "hangs", "wrong"].contains(&row["answer"].as_str().unwrap()));
    assert_eq!(faults.count(), FACTS.iter().filter(|(_, answer)| *answer == "wrong").count(), "{table}");
}

#[test]
fn a_module_that_crashes_gives_a_row_and_one_that_does_not_load_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    let (file, control) = (folder.path().join("report.json"), folder.path().join("control"));
    std::fs::write(&control, "C_WrapKey crash 1\nC_UnwrapKey device-removed 1\n").unwrap();
    let mut command = hsm_test(&shim().display().to_string());
    command.env("HSM_SHIM_MODULE", MODULE).env("HSM_SHIM_CONTROL", &control).arg("--json").arg(&file);
    let questions = ["AES-KW wraps as RFC 3394 says", "AES-KW unwraps what RFC 3394 wrapped", "AES-GCM decrypts"];
    command.args(questions.iter().flat_map(|question| ["--question", question]));
    assert_eq!(run(&mut command, WAIT_MAX).status.code(), Some(1));
    let report: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let answers: Vec<&str> =
        report["rows"].as_array().unwrap().iter().map(|row| row["answer"].as_str().unwrap()).collect();
    assert_eq!(answers, ["crashes", "refuses", "does"], "{report}");

    let done = run(&mut hsm_test("/nowhere/at-all.so"), WAIT_MAX);
    let said = String::from_utf8(done.stderr).unwrap();
    assert!(!done.status.success() && said.contains("loading the module"), "{said}");
}
