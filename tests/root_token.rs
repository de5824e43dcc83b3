//! The store's root key in a real token (SoftHSM): served from there, brought back from shares when the token is dead.
#![allow(clippy::unwrap_used)]

use std::fs;

use keybroker_tests::{Asks as _, Broker, Setup, SoftToken, unb64};

const SECRET: &[u8] = b"thirty-two bytes of a data key..";

/// A broker whose root key a token seals, and the shares that `init` printed.
fn planted(token: &SoftToken) -> (Broker, Vec<String>) {
    let pin = token.at("pin").display().to_string();
    let environment = format!("SOFTHSM2_CONF={}", token.at("softhsm2.conf").display());
    let place = ["--root-key", "pkcs11", "--root-module", SoftToken::MODULE, "--root-token", SoftToken::LABEL];
    let access = ["--root-pin-file", &pin, "--root-environment", &environment];
    let (broker, said) = Setup::new().init_saying(&[&place[..], &access].concat());
    assert!(!broker.home().join("root.key").exists());
    (broker, shares_in(&said))
}

fn shares_in(said: &str) -> Vec<String> {
    said.lines().filter(|line| line.starts_with("kbshare1-")).map(str::to_owned).collect()
}

/// `keybroker root recover` with these shares.
fn recover(broker: &Broker, shares: &[&str]) -> Result<String, String> {
    let (config, file) = (broker.config_file(), broker.folder().join("shares"));
    fs::write(&file, shares.join("\n")).unwrap();
    let done = broker.cli(&["root", "recover", config.to_str().unwrap(), file.to_str().unwrap()]);
    fs::remove_file(&file).unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    if done.status.success() { Ok(text(done.stdout)) } else { Err(text(done.stderr)) }
}

fn root_in_file(broker: &Broker) {
    broker.edit_config(|config| {
        let root_key = toml::Table::from_iter([("file".to_owned(), "root.key".into())]);
        config["store"].as_table_mut().unwrap().insert("root-key".into(), root_key.into());
    });
}

#[test]
fn a_dead_token_does_not_mean_dead_data() {
    let token = SoftToken::new();
    let (mut broker, shares) = planted(&token);
    assert_eq!(shares.len(), 5);
    broker.serve();
    let wrapped: Vec<_> = ["oct", "another"]
        .map(|name| {
            let path = broker.admin().create(name, "oct", 256);
            let value = broker.admin().wrap(&path, "A256KW", SECRET).with_status(200).json()["value"].clone();
            (path, unb64(&value))
        })
        .into();
    broker.restart();
    broker.admin().unwrap(&wrapped[0].0, "A256KW", &wrapped[0].1).with_status(200);
    broker.stop();

    token.die();
    let refused = broker.try_serve().unwrap_err();
    for part in ["which did not open it", "no token with Label", "keybroker root recover CONFIG", "shares"] {
        assert!(refused.contains(part), "{part}: {refused}");
    }
    root_in_file(&broker);
    let of = |numbers: &[usize]| numbers.iter().map(|number| shares[*number].as_str()).collect::<Vec<_>>();
    assert!(recover(&broker, &of(&[0, 1])).unwrap_err().contains("2 of the 3 shares that are needed"));
    assert!(recover(&broker, &of(&[0, 1, 1])).unwrap_err().contains("share 3 was given twice"));
    let mistyped = shares[2].replacen("-03-03-", "-03-04-", 1);
    assert!(recover(&broker, &[&shares[0], &shares[1], &mistyped]).unwrap_err().contains("share 3 is no share"));
    let (_, others) = planted(&SoftToken::new());
    assert!(recover(&broker, &[&shares[0], &shares[1], &others[2]]).unwrap_err().contains("another root key"));
    let foreign = recover(&broker, &[&others[0], &others[1], &others[2]]).unwrap_err();
    assert!(foreign.contains("does not open this store"), "{foreign}");
    assert!(!broker.home().join("root.key").exists() && !broker.home().join("root.key.next").exists());

    recover(&broker, &of(&[4, 0, 2])).unwrap();
    broker.serve();
    for (path, value) in &wrapped {
        let opened = broker.admin().unwrap(path, "A256KW", value).with_status(200).json();
        assert_eq!(unb64(&opened["value"]), SECRET);
    }
    let noted = broker.audit().into_iter().rfind(|entry| entry.to_string().contains("rotate-root"));
    assert!(noted.unwrap().to_string().contains("recovered from shares"));
    broker.stop();
    assert!(recover(&broker, &of(&[0, 1, 2])).unwrap_err().contains("does not open this store"), "they were replaced");
    for share in &shares {
        let config = fs::read_to_string(broker.config_file()).unwrap();
        let found = broker.log().contains(share.as_str()) || config.contains(share.as_str());
        assert!(!found, "a share was kept");
    }
}

#[test]
fn a_token_takes_the_root_key_over_from_a_file_and_makes_a_new_one_when_told_to() {
    let token = SoftToken::new();
    let mut broker = Setup::new().init();
    let config = broker.config_file();
    let former = broker.home().join("former.toml");
    fs::copy(&config, &former).unwrap();
    let (module, conf, pin) = (SoftToken::MODULE, token.at("softhsm2.conf"), token.at("pin"));
    broker.edit_config(move |config| {
        let text = |path: std::path::PathBuf| toml::Value::from(path.display().to_string());
        let environment = toml::Table::from_iter([("SOFTHSM2_CONF".to_owned(), text(conf))]);
        let place = [("module", module.into()), ("label", SoftToken::LABEL.into()), ("pin-file", text(pin))];
        let mut place = toml::Table::from_iter(place.map(|(name, value)| (name.to_owned(), value)));
        place.insert("environment".into(), environment.into());
        let root_key = toml::Table::from_iter([("pkcs11".to_owned(), place.into())]);
        config["store"].as_table_mut().unwrap().insert("root-key".into(), root_key.into());
    });
    let (config, former) = (config.to_str().unwrap(), former.to_str().unwrap());
    assert!(broker.try_serve().unwrap_err().contains("in no token"));
    let moved = broker.cli(&["root", "rotate", config, "--from", former, "--shares", "2-of-3"]);
    assert!(moved.status.success(), "{}", String::from_utf8_lossy(&moved.stderr));
    assert_eq!(shares_in(&String::from_utf8(moved.stdout).unwrap()).len(), 3);
    broker.serve();
    let path = broker.admin().create("k", "oct", 256);
    let value = unb64(&broker.admin().wrap(&path, "A256KW", SECRET).with_status(200).json()["value"]);
    broker.stop();
    let again = broker.cli(&["root", "rotate", config]);
    assert!(again.status.success(), "{}", String::from_utf8_lossy(&again.stderr));
    broker.serve();
    broker.admin().unwrap(&path, "A256KW", &value).with_status(200);
    broker.stop();
    let refused = broker.cli(&["check", former]);
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && told.contains("root key in a token"), "{told}");
}
