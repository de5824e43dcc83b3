//! luks: volumes in file images. Opening as /dev/mapper/NAME takes the kernel's device mapper, which containers lack; what is
//! asked here is whether a volume would open.

use std::process::{Command, Output};

use keybroker_tests::{Asks as _, WAIT_MAX, run, unb64};
use serde_json::{Value, json};

use crate::desk::{Desk, check_says};

const IMAGE_BYTES: u64 = 32 << 20;

fn cryptsetup(words: &[&str]) -> Output {
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap());
    let done = run(Command::new("/usr/bin/env").env("PATH", path).arg("cryptsetup").args(words), WAIT_MAX);
    assert_ne!(done.status.code(), Some(127), "cryptsetup is not there; `./dev setup` installs it");
    done
}

/// A file image of 32 MiB that no one has touched.
fn image(desk: &Desk, name: &str) -> String {
    std::fs::File::create(desk.file(name)).unwrap().set_len(IMAGE_BYTES).unwrap();
    desk.path(name)
}

#[test]
fn a_volume_opens_with_what_the_broker_unwraps_and_with_nothing_else() {
    let mut desk = Desk::new();
    desk.broker.admin().create("disk", "oct", 256);
    let volume = image(&desk, "volume.img");
    let told = desk.json(&["luks", "enrol", &volume, "--format", "--vault-key", "disk", "--json"]);
    assert_eq!(told["slot"], 0);
    // The header says all that opening takes, in LUKS2's own form.
    let token: Value =
        serde_json::from_slice(&cryptsetup(&["token", "export", "--token-id", "0", &volume]).stdout).unwrap();
    assert_eq!((&token["type"], &token["keyslots"]), (&json!("keybroker"), &json!(["0"])));
    assert_eq!(unb64(&token["value"]).len(), 72, "64 bytes, wrapped");
    let open = ["luks", "open", &volume, "--test"];
    desk.does(&open);
    // Not after a rotation only: by its own version, then.
    desk.json(&["rotate", "--vault-key", "disk", "--json"]);
    desk.does(&open);
    check_says(
        &desk.refused(&["luks", "enrol", &volume, "--format", "--vault-key", "disk"]),
        &["is a LUKS volume already"],
    );

    // Who may wrap can enrol, and cannot open.
    let id = desk.broker.grant(&desk.broker.principal("jo"), "get,wrapKey,unwrapKey", "/vault1/disk");
    desk.now("jo");
    desk.does(&open);
    desk.broker.ask(&["revoke", &id]);
    check_says(&desk.refused(&open), &["token 0", "403", "unwrapKey"]);
    desk.broker.grant(&desk.broker.principal("jo"), "get,wrapKey", "/vault1/disk");
    let second = image(&desk, "second.img");
    desk.does(&["luks", "enrol", &second, "--format", "--vault-key", "disk"]);
    check_says(&desk.refused(&["luks", "open", &second, "--test"]), &["unwrapKey"]);
    let audit = desk.broker.audit();
    let opened = audit.iter().filter(|line| line["operation"] == "unwrap-key" && line["decision"] == "allowed").count();
    assert_eq!(opened, 3, "each opening is in the audit");
}

#[test]
fn a_volume_that_others_open_already_gets_a_slot_beside_theirs() {
    let desk = Desk::new();
    desk.broker.admin().create("disk", "RSA", 2048);
    let volume = image(&desk, "volume.img");
    let theirs = desk.written("theirs.key", &[9; 32]);
    let fast = ["--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000"];
    let format =
        [&["luksFormat", "--type", "luks2", "--batch-mode", "--key-file", &theirs][..], &fast, &[&volume]].concat();
    assert!(cryptsetup(&format).status.success());
    let enrol = ["luks", "enrol", &volume, "--vault-key", "disk", "--json", "--existing-key-file"];
    check_says(
        &desk.refused(&[&enrol[..], &[&desk.written("wrong.key", &[8; 32])]].concat()),
        &["luksAddKey", "no key slot opens"],
    );
    let told = desk.json(&[&enrol[..], &[&theirs]].concat());
    assert_eq!(told["slot"], 1);
    desk.does(&["luks", "open", &volume, "--test"]);
    assert!(cryptsetup(&["open", "--test-passphrase", "--key-file", &theirs, &volume]).status.success());
    // Once more, for another key; the newest token is tried first, and one that fails does not hide the others.
    desk.broker.admin().create("disk2", "oct", 256);
    let again = ["luks", "enrol", &volume, "--vault-key", "disk2", "--json", "--existing-key-file", &theirs];
    assert_eq!(desk.json(&again)["slot"], 2);
    assert_eq!(desk.json(&["luks", "open", &volume, "--test", "--json"])["slot"], "2");
    let spoilt = json!({ "type": "keybroker", "keyslots": ["2"], "kid": "https://vault1.kv.test/keys/none", "alg": "A256KW", "value": "AAAA" });
    let token = desk.written("token.json", spoilt.to_string().as_bytes());
    assert!(
        cryptsetup(&["token", "import", "--json-file", &token, "--token-id", "1", "--token-replace", &volume])
            .status
            .success()
    );
    assert_eq!(desk.json(&["luks", "open", &volume, "--test", "--json"])["slot"], "1");
}

#[test]
fn what_cannot_be_a_volume_or_a_name_is_refused() {
    let desk = Desk::new();
    desk.broker.admin().create("disk", "oct", 256);
    let (plain, missing) = (desk.written("plain", b"not a volume"), desk.path("missing"));
    check_says(&desk.refused(&["luks", "open", &plain, "--test"]), &["not a valid LUKS device"]);
    check_says(&desk.refused(&["luks", "open", &missing, "--test"]), &["missing"]);
    check_says(&desk.refused(&["luks", "open", &plain, "--name", "../x"]), &["name \"../x\""]);
    check_says(&desk.refused(&["luks", "enrol", &missing, "--format", "--vault-key", "disk"]), &["missing"]);
    // Nothing is changed when the broker does not wrap.
    let volume = image(&desk, "volume.img");
    check_says(&desk.refused(&["luks", "enrol", &volume, "--format", "--vault-key", "none"]), &["KeyNotFound"]);
    assert!(std::fs::read(desk.file("volume.img")).unwrap().iter().all(|byte| *byte == 0));
    assert_eq!(
        desk.try_do(&["luks", "enrol", &volume, "--vault-key", "disk"]).status.code(),
        Some(2),
        "--format or a key file"
    );
}
