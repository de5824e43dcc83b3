//! Keys derived from one root: none before it is backed up, and the same on every broker that has it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use keybroker_tests::{Asks as _, Broker, Setup, guest};
use serde_json::json;

use crate::{of_vault, opens, table, wrapped};

const PASSWORD: &str = "correct horse battery staple";

fn broker() -> Broker {
    let grants = table("grants = [\"crypto\", \"keyvalue\", \"roots\"]");
    let broker = Setup::new().backend("derive", guest("derive"), grants).start();
    broker.ask(&["vault", "create", "vault2", "--backend", "derive"]);
    broker
}

/// A file in the broker's folder, as a word of a command.
fn file(broker: &Broker, name: &str, text: &str) -> String {
    let path = broker.folder().join(name);
    fs::write(&path, text).unwrap();
    path.display().to_string()
}

#[test]
fn keys_are_served_once_the_root_is_backed_up_and_are_the_same_wherever_it_is_restored() {
    let one = broker();
    let keys = of_vault(&one, "vault2");
    let told = keys.post("/keys/k/create", &json!({ "kty": "oct", "key_size": 256 })).with_status(503).message();
    assert!(told.contains("backed up") && told.contains("keybroker backend backup"), "{told}");
    assert!(one.log().contains("must be set up or backed up"), "{}", one.log());

    let (password, out) = (file(&one, "password", &format!("{PASSWORD}\n")), one.folder().join("root.backup"));
    let short = file(&one, "short", "seven77");
    let backup = |password: &str| one.command(&["backend", "backup", "derive", "--password-file", password, "--out"]);
    assert!(!backup(&short).arg(&out).output().unwrap().status.success());
    assert!(!out.exists());
    let done = backup(&password).arg(&out).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert_eq!(fs::metadata(&out).unwrap().permissions().mode() & 0o777, 0o600);

    let first = keys.create("k", "oct", 256);
    let under_first = wrapped(&keys, &first, "A256KW");
    let second = keys.rotate("k");
    let under_second = wrapped(&keys, &second, "A256KW");
    let small = keys.create("small", "oct", 128);
    let under_small = wrapped(&keys, &small, "A128KW");
    for (key, value) in [(&first, &under_first), (&second, &under_second)] {
        opens(&keys, key, "A256KW", value);
    }
    keys.unwrap(&first, "A256KW", &under_second).with_status(400);

    // Another broker, which knows nothing but the backup and its password.
    let two = broker();
    let backup = out.display().to_string();
    let restore = |broker: &Broker, password: &str| {
        broker.cli(&["backend", "restore", "derive", "--password-file", password, "--from", &backup])
    };
    let wrong = file(&two, "wrong", "correct horse battery stapler");
    let refused = restore(&two, &wrong);
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("the password is another"), "{refused:?}");
    of_vault(&two, "vault2").post("/keys/k/create", &json!({ "kty": "oct" })).with_status(503);
    let done = restore(&two, &password);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let there = of_vault(&two, "vault2");
    let (first_there, second_there) = (there.create("k", "oct", 256), there.rotate("k"));
    opens(&there, &first_there, "A256KW", &under_first);
    opens(&there, &second_there, "A256KW", &under_second);
    let small_there = there.create("small", "oct", 128);
    opens(&there, &small_there, "A128KW", &under_small);
    let other = there.create("other", "oct", 256);
    there.unwrap(&other, "A256KW", &under_first).with_status(400);

    // Not over keys that are there.
    let refused = restore(&one, &password);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("keys under it"), "{refused:?}");
}

#[test]
fn the_root_outlives_a_restart_and_shows_nowhere() {
    let mut broker = broker();
    let password = file(&broker, "password", PASSWORD);
    let out = broker.cli(&["backend", "backup", "derive", "--password-file", &password]);
    assert!(out.status.success(), "{out:?}");
    let keys = of_vault(&broker, "vault2");
    let key = keys.create("k", "oct", 256);
    let value = wrapped(&keys, &key, "A256KW");
    broker.restart();
    let keys = of_vault(&broker, "vault2");
    opens(&keys, &key, "A256KW", &value);
    // A purged name does not bring its old key back.
    keys.call("DELETE", "/keys/k", None).with_status(200);
    keys.call("DELETE", "/deletedkeys/k", None).with_status(204);
    let again = keys.create("k", "oct", 256);
    keys.unwrap(&again, "A256KW", &value).with_status(400);
    broker.stop();

    let lines = broker.audit();
    let backups: Vec<_> = lines.iter().filter(|line| line["operation"] == "back-up-backend").collect();
    let phases: Vec<_> = backups.iter().map(|line| line["phase"].as_str().unwrap()).collect();
    assert_eq!(phases, ["intent", "outcome"]);
    assert!(backups.iter().all(|line| line["detail"] == "backend derive"), "{backups:?}");
    for text in [broker.log(), format!("{lines:?}")] {
        assert!(!text.contains(PASSWORD));
    }
    let restored = broker.refusal(&["backend", "backup", "software", "--password-file", &password]);
    assert!(restored.contains("no broker answers here"), "{restored}");
}

#[test]
fn a_backend_that_keeps_nothing_has_no_backup() {
    let broker = broker();
    let password = file(&broker, "password", PASSWORD);
    for backend in ["software", "absent"] {
        let told = broker.refusal(&["backend", "backup", backend, "--password-file", &password]);
        assert!(told.contains(backend), "{told}");
    }
}
