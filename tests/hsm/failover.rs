//! Two tokens with the same keys: one goes, the other serves, and the first is taken back.

use std::fs;
use std::path::Path;
use std::process::Command;

use keybroker_tests::{Asks as _, eventually, unb64};

use crate::plant::Plant;

/// What the shim has the first token do for as long as this stands.
const GONE: &str =
    "C_Login device-removed 100000\nC_UnwrapKey device-removed 100000\nC_WrapKey device-removed 100000\n";
const SECRET: [u8; 32] = [6; 32];

/// A copy of the token with its keys, in a folder of its own; its configuration says so.
fn cloned(plant: &Plant, to: &Path) {
    let copied = Command::new("cp").arg("-r").arg(plant.tokens()).arg(to.join("tokens")).status().unwrap();
    assert!(copied.success());
    let text = format!(
        "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n",
        to.join("tokens").display()
    );
    fs::write(to.join("softhsm2.conf"), text).unwrap();
}

#[test]
fn a_clone_serves_while_its_token_is_gone_and_the_token_is_taken_back() {
    let mut plant = Plant::breakable();
    let path = plant.broker.admin().create("disk", "oct-HSM", 256);
    let wrapped = unb64(&plant.broker.admin().wrap(&path, "A256KW", &SECRET).with_status(200).json()["value"]);
    plant.broker.stop();
    let clone = tempfile::TempDir::new().unwrap();
    cloned(&plant, clone.path());
    let conf = clone.path().join("softhsm2.conf").display().to_string();
    plant.broker.edit_config(move |config| {
        let backends = config["backend"].as_array_mut().unwrap();
        let hsm = backends.iter_mut().find(|backend| backend["name"].as_str() == Some("hsm")).unwrap();
        let tokens = hsm["token"].as_array_mut().unwrap();
        let mut second = tokens[0].clone();
        second["environment"]["SOFTHSM2_CONF"] = conf.into();
        // Orders to the shim are the first token's alone.
        second["environment"]["HSM_SHIM_CONTROL"] = "/dev/null".into();
        tokens.push(second);
    });
    plant.broker.serve();
    let serving = || plant.broker.metrics().sum("keybroker_hsm_token_serving", &[("backend", "hsm")]).round() as u32;
    eventually("both serve", || (serving() == 2).then_some(()));
    let unwrap = || plant.broker.admin().unwrap(&path, "A256KW", &wrapped).with_status(200).json();
    assert_eq!(unb64(&unwrap()["value"]), SECRET);
    plant.tell(GONE);
    for _ in 0..20 {
        assert_eq!(unb64(&unwrap()["value"]), SECRET);
    }
    eventually("the first is seen to be gone", || (serving() == 1).then_some(()));
    assert_eq!(unb64(&unwrap()["value"]), SECRET);
    plant.tell("");
    eventually("the first is taken back", || (serving() == 2).then_some(()));
    assert_eq!(unb64(&unwrap()["value"]), SECRET);
}
