//! The commands: what they make, what they refuse, and that the running broker does what they say.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use keybroker_tests::{ADMIN, Asks as _, Broker, SUFFIX, Setup, WAIT_MAX, finished, guest, now_s, unb64};
use serde_json::{Value, json};
use toml::Table;

fn mode_of(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn own_principal() -> String {
    format!("local/uid:{}", rustix::process::getuid().as_raw())
}

#[track_caller]
fn check_says(said: &str, words: &[&str]) {
    assert!(words.iter().all(|word| said.contains(word)), "{words:?} expected in: {said}");
    assert!(!said.contains("panicked"), "{said}");
}

#[test]
fn init_makes_private_files_and_never_writes_over_what_is_there() {
    let broker = Setup::new().init();
    let home = broker.home();
    assert_eq!(mode_of(&home), 0o700);
    for file in ["root.key", "store.db"] {
        assert_eq!(mode_of(&home.join(file)), 0o600, "{file}");
    }
    let plugin = guest("software");
    let again = || broker.refusal(&["init", home.to_str().unwrap(), "--plugin", plugin.to_str().unwrap()]);
    let files = || ["root.key", "store.db", "keybroker.toml"].map(|file| std::fs::read(home.join(file)).ok());
    let before = files();
    check_says(&again(), &["keybroker.toml", "nothing was changed"]);
    assert_eq!(files(), before);
    // Nor when only the store or only the root key is left of an earlier one.
    std::fs::remove_file(home.join("keybroker.toml")).unwrap();
    check_says(&again(), &["store.db", "there is a store already"]);
    std::fs::remove_file(home.join("store.db")).unwrap();
    check_says(&again(), &["root.key", "exists"]);
    assert_eq!(std::fs::read(home.join("root.key")).ok(), before[0]);
}

#[test]
fn init_refuses_names_that_are_none() {
    let broker = Setup::new().init();
    let folder = broker.folder().join("other");
    let plugin = guest("software").display().to_string();
    let rows: &[(&[&str], &str)] = &[
        (&["--admin", "nobody"], "--admin \"nobody\""),
        (&["--vault", "Vault_1"], "vault"),
        (&["--plugin", "/nowhere/x.wasm"], "/nowhere/x.wasm"),
    ];
    for (words, named) in rows {
        let mut all = vec!["init", folder.to_str().unwrap()];
        if words[0] != "--plugin" {
            all.extend(["--plugin", &plugin]);
        }
        all.extend(*words);
        check_says(&broker.refusal(&all), &[named]);
        assert!(!folder.join("store.db").exists(), "{words:?}");
    }
}

/// One thing wrong in a configuration that was good, and what `check` must name.
type Fault = (fn(&mut Table), &'static [&'static str]);

const FAULTS: &[Fault] = &[
    (|config| _ = config.insert("version".into(), 2.into()), &["version = 2"]),
    (|config| _ = config.insert("surprise".into(), 1.into()), &["surprise"]),
    (|config| _ = part(config, "store").insert("colour".into(), "red".into()), &["colour"]),
    (|config| _ = part(config, "store").insert("path".into(), "elsewhere.db".into()), &["elsewhere.db"]),
    (|config| _ = part(config, "tls").insert("key".into(), "nowhere.key".into()), &["nowhere.key"]),
    (|config| _ = part(config, "audit").insert("wait-max-ms".into(), 0.into()), &["audit.wait-max-ms"]),
    (|config| _ = first(config, "backend").insert("sha256".into(), "00".repeat(32).into()), &["software", "sha256"]),
    (|config| _ = first(config, "backend").insert("sha256".into(), "zz".into()), &["backend software", "sha256"]),
    (|config| _ = first(config, "backend").insert("name".into(), "other".into()), &["vault1", "backend software"]),
    (|config| _ = first(config, "backend").insert("type".into(), "hsm".into()), &["hsm"]),
    (|config| _ = first(config, "backend").insert("file".into(), "x.wasm".into()), &["x.wasm"]),
    (|config| _ = first(config, "client-ca").insert("name".into(), "pin".into()), &["client-ca.name"]),
    (|config| _ = first(config, "client-ca").insert("names-by".into(), "guess".into()), &["guess"]),
    (|config| _ = first(config, "client-ca").insert("certificates".into(), "no.pem".into()), &["no.pem"]),
    (|config| _ = config.remove("backend"), &["[[backend]]"]),
    (|config| _ = part(config, "limits").insert("versions-tried-max".into(), 0.into()), &["limits.versions-tried-max"]),
    (
        |config| _ = part(part(config, "front"), "keyvault").insert("host-suffixes".into(), vec!["KV..test"].into()),
        &["front.keyvault.host-suffixes"],
    ),
];

fn part<'a>(config: &'a mut Table, name: &str) -> &'a mut Table {
    config[name].as_table_mut().unwrap()
}

fn first<'a>(config: &'a mut Table, name: &str) -> &'a mut Table {
    config[name].as_array_mut().unwrap()[0].as_table_mut().unwrap()
}

#[test]
fn check_names_what_is_wrong_in_a_configuration() {
    let broker = Setup::new().init();
    let good = std::fs::read_to_string(broker.config_file()).unwrap();
    let check = || broker.cli(&["check", broker.config_file().to_str().unwrap()]);
    assert!(check().status.success(), "{}", text(&check().stderr));
    for (index, (fault, named)) in FAULTS.iter().enumerate() {
        broker.edit_config(fault);
        let done = check();
        assert!(!done.status.success(), "fault {index}, {named:?}, was not found");
        check_says(&text(&done.stderr), named);
        std::fs::write(broker.config_file(), &good).unwrap();
    }
    assert!(check().status.success());
    std::fs::write(broker.config_file(), "version = 1\n[store").unwrap();
    check_says(&text(&check().stderr), &["keybroker.toml", "line 2"]);
}

#[test]
fn a_passphrase_opens_the_store_again_and_another_does_not() {
    let mut broker = Setup::new().passphrase("correct horse battery staple\n").start();
    assert!(!broker.home().join("root.key").exists());
    let key = broker.admin().create("k", "oct", 256);
    let wrapped = broker.admin().wrap(&key, "A256KW", &[7; 32]).with_status(200).json();
    let open = |broker: &Broker| {
        let wrapped = unb64(&wrapped["value"]);
        unb64(&broker.admin().unwrap(&key, "A256KW", &wrapped).with_status(200).json()["value"])
    };
    broker.restart();
    assert_eq!(open(&broker), [7; 32]);
    broker.stop();
    let file = broker.folder().join("passphrase");
    for wrong in ["correct horse battery staple ", "wrong", ""] {
        std::fs::write(&file, wrong).unwrap();
        check_says(&broker.try_serve().unwrap_err(), &["passphrase"]);
    }
    // The end of the line does not count.
    std::fs::write(&file, "correct horse battery staple").unwrap();
    broker.serve();
    assert_eq!(open(&broker), [7; 32]);
}

#[test]
fn a_root_key_that_others_can_read_opens_nothing() {
    let mut broker = Setup::new().init();
    let file = broker.home().join("root.key");
    for mode in [0o644, 0o640, 0o606] {
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        check_says(&broker.try_serve().unwrap_err(), &["root.key", "chmod 600"]);
    }
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    broker.serve();
}

#[test]
fn a_store_has_one_broker() {
    let broker = Setup::new().start();
    let config = broker.config_file();
    let second = broker.refusal(&["serve", config.to_str().unwrap()]);
    check_says(&second, &["store.db"]);
    // The first one has not noticed.
    broker.admin().get("/keys").with_status(200);
    assert_eq!(mode_of(&broker.socket()), 0o600);
}

#[test]
fn the_socket_goes_with_the_broker_and_a_dead_one_is_replaced() {
    let mut broker = Setup::new().start();
    broker.kill9();
    assert!(broker.socket().exists());
    check_says(&broker.refusal(&["grants"]), &["admin.sock", "is `keybroker serve` running?"]);
    broker.serve();
    broker.ask(&["grants"]);
    broker.stop();
    assert!(!broker.socket().exists());
    std::fs::write(broker.socket(), "something else").unwrap();
    check_says(&broker.try_serve().unwrap_err(), &["admin.sock", "something else"]);
    assert_eq!(std::fs::read(broker.socket()).unwrap(), b"something else");
}

#[test]
fn a_grant_gives_what_it_says_from_when_until_when() {
    let broker = Setup::new().start();
    broker.admin().create("k", "oct", 256);
    let client = |name: &str| broker.client_of(name).connect().unwrap();
    let grant = |name: &str, more: &[&str]| {
        let principal = broker.principal(name);
        broker.ask(&[&["grant", "--principal", &principal, "--justification", "a test"], more].concat())[0].clone()
    };
    let (early, late) = ((now_s() - 3600).to_string(), (now_s() + 3600).to_string());

    let by_role = grant("user", &["--role", "Key Vault Crypto Service Encryption User", "--scope", "/vault1"]);
    assert_eq!(by_role["role"], "Key Vault Crypto Service Encryption User");
    assert_eq!(by_role["permissions"], json!(["get", "unwrapKey", "wrapKey"]));
    assert_eq!((&by_role["granted_by"], &by_role["granted-by"]), (&Value::Null, &json!(own_principal())));
    let by_slug = grant("user", &["--role", "reader", "--scope", "/vault1/k"]);
    assert_eq!(by_slug["role"], "Key Vault Reader");
    let user = client("user");
    user.wrap("/keys/k", "A256KW", &[7; 32]).with_status(200);
    user.get("/keys").with_status(403);

    let rows: &[(&str, &[&str], u16, &str)] = &[
        ("now", &["--not-before", &early, "--not-after", &late], 200, ""),
        ("past", &["--not-before", "1", "--not-after", &early], 403, "its grant ended at"),
        ("future", &["--not-before", &late], 403, "its grant begins at"),
    ];
    for (name, times, status, message) in rows {
        grant(name, &[&["--permissions", "get", "--scope", "/vault1"], *times].concat());
        let answer = client(name).get("/keys/k").with_status(*status);
        assert!(answer.message().contains(message), "{name}: {}", answer.message());
    }
}

#[test]
fn a_grant_that_means_nothing_is_refused_with_what_would() {
    let broker = Setup::new().start();
    let before = broker.ask(&["grants"]);
    let jo = broker.principal("jo");
    let grant = |more: &[&str]| broker.refusal(&[&["grant", "--principal", &jo, "--scope", "/"], more].concat());
    check_says(&grant(&["--role", "king"]), &["no role \"king\"", "Key Vault Crypto User"]);
    check_says(&grant(&["--permissions", "get,fly"]), &["no permission \"fly\"", "wrapKey"]);
    check_says(
        &grant(&["--role", "reader", "--not-before", "20", "--not-after", "10"]),
        &["end at 10", "begins at 20"],
    );
    let scope = |scope: &str| broker.refusal(&["grant", "--principal", &jo, "--role", "reader", "--scope", scope]);
    check_says(&scope("vault1"), &["scope"]);
    check_says(
        &broker.refusal(&["grant", "--principal", "jo", "--role", "reader", "--scope", "/"]),
        &["principal must be"],
    );
    check_says(&broker.refusal(&["revoke", "no-id"]), &["no-id"]);
    check_says(&broker.refusal(&["revoke", &"0".repeat(32)]), &["does not exist"]);
    // Nothing came of any of it: what was there from the beginning is all there is.
    assert_eq!(broker.ask(&["grants"]), before);
    // Neither role nor permissions, or both: clap says so, with its own exit code.
    for words in [&["--role", "reader", "--permissions", "get"][..], &[]] {
        let done = broker.cli(&[&["grant", "--principal", &jo, "--scope", "/"], words].concat());
        assert_eq!(done.status.code(), Some(2), "{words:?}");
    }
}

#[test]
fn nobody_grants_to_oneself_and_the_refusal_is_audited() {
    let broker = Setup::new().start();
    let said =
        broker.refusal(&["grant", "--principal", &own_principal(), "--permissions", "get", "--scope", "/vault1"]);
    check_says(&said, &[&own_principal(), "to itself"]);
    let audit = broker.audit();
    let line = audit.iter().find(|line| line["operation"] == "create-grant").unwrap();
    assert_eq!((&line["decision"], &line["front"]), (&json!("refused"), &json!("admin")), "{line}");
    assert_eq!(line["principal"], own_principal());
}

#[test]
fn a_revocation_holds_for_the_next_request_of_an_open_connection() {
    let broker = Setup::new().start();
    broker.admin().create("k", "oct", 256);
    let id = broker.grant(&broker.principal("jo"), "get,wrapKey", "/vault1/k");
    let jo = broker.client_of("jo").connect().unwrap();
    jo.wrap("/keys/k", "A256KW", &[7; 32]).with_status(200);
    let shown = broker.ask(&["grants", "--scope", "/vault1/k"]);
    assert_eq!((shown.as_array().unwrap().len(), &shown[0]["id"]), (1, &json!(id)));
    broker.ask(&["revoke", &id]);
    let refused = jo.wrap("/keys/k", "A256KW", &[7; 32]).with_status(403);
    assert_eq!(refused.code(), "Forbidden/ForbiddenByRbac");
    assert_eq!(broker.ask(&["grants", "--scope", "/vault1/k"]), json!([]));
    check_says(&broker.refusal(&["revoke", &id]), &["does not exist"]);
}

#[test]
fn the_last_administrator_stays() {
    let mut broker = Setup::new().start();
    let grants = broker.ask(&["grants"]);
    let id_of = |principal: &str| {
        let grant = grants.as_array().unwrap().iter().find(|grant| grant["principal"] == principal).unwrap();
        grant["id"].as_str().unwrap().to_owned()
    };
    broker.ask(&["revoke", &id_of(ADMIN)]);
    check_says(&broker.refusal(&["revoke", &id_of(&own_principal())]), &["the last Administrator"]);
    broker.admin().get("/keys").with_status(403);
    broker.restart();
    broker.admin().get("/keys").with_status(403);
    let left = grants.as_array().unwrap().iter().filter(|grant| grant["principal"] != ADMIN).count();
    assert_eq!(broker.ask(&["grants"]).as_array().unwrap().len(), left);
}

#[test]
fn a_vault_is_made_shown_and_changed_while_the_broker_serves() {
    let mut broker = Setup::new().start();
    let made = broker.ask(&["vault", "create", "vault2", "--soft-delete-days", "7"]);
    assert_eq!((&made[0]["name"], &made[0]["soft-delete-days"]), (&json!("vault2"), &json!(7)));
    check_says(&broker.refusal(&["vault", "create", "vault2"]), &["vault2"]);
    check_says(&broker.refusal(&["vault", "create", "vault3", "--backend", "none"]), &["none"]);
    check_says(&broker.refusal(&["vault", "create", "vault3", "--soft-delete-days", "6"]), &["7"]);
    check_says(&broker.refusal(&["vault", "create", "Vault_3"]), &["vault name must be"]);
    let second = |broker: &Broker| broker.admin().of_host(&format!("vault2.{SUFFIX}"));
    second(&broker).create("k", "oct", 128);
    broker.admin().get("/keys/k").with_status(404);
    assert_eq!(broker.ask(&["vault", "update", "vault2", "--purge-protection"])[0]["purge-protection"], true);
    broker.restart();
    second(&broker).get("/keys/k").with_status(200);
    let shown = broker.ask(&["vault", "list"]);
    let names: BTreeSet<_> = shown.as_array().unwrap().iter().map(|vault| vault["name"].as_str().unwrap()).collect();
    assert_eq!(names, BTreeSet::from(["vault1", "vault2"]));
    assert!(shown.as_array().unwrap().iter().any(|vault| vault["purge-protection"] == true), "{shown}");
}

#[test]
fn commands_print_tables_for_people_and_completions_for_shells() {
    let broker = Setup::new().start();
    let table = text(&broker.cli(&["grants"]).stdout);
    assert!(table.starts_with("ID") && table.contains("GRANTED BY") && table.contains(ADMIN), "{table}");
    check_says(&text(&broker.cli(&["vault", "list"]).stdout), &["PURGE PROTECTION", "vault1", "90 days"]);
    for (shell, word) in [("bash", "complete"), ("zsh", "#compdef keybroker"), ("fish", "complete -c keybroker")] {
        let done = broker.cli(&["completions", shell]);
        assert!(done.status.success());
        check_says(&text(&done.stdout), &[word, "dev-pki"]);
    }
    let help = text(&broker.cli(&["--help"]).stdout);
    for command in ["init", "serve", "check", "grant", "revoke", "grants", "vault", "pin", "dev-pki", "completions"] {
        check_says(&help, &[command]);
    }
}

#[test]
fn a_reader_who_goes_away_is_no_bug() {
    // As in `keybroker grants | head -n0`: nobody reads what it writes.
    let broker = Setup::new().start();
    for words in [&["completions", "bash"][..], &["grants"], &["vault", "list", "--json"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut child = broker.command(words).stdout(writer).stderr(std::process::Stdio::piped()).spawn().unwrap();
        assert!(finished(&mut child, WAIT_MAX).is_some());
        let done = child.wait_with_output().unwrap();
        assert!(!text(&done.stderr).contains("panicked"), "{words:?}: {}", text(&done.stderr));
    }
}

#[test]
fn dev_pki_makes_what_init_and_clients_need_and_keeps_keys_private() {
    let broker = Setup::new().init();
    let folder = broker.folder().join("tryout");
    let made = broker.cli(&["dev-pki", folder.to_str().unwrap(), "--client", "app", "--client", "ops"]);
    assert!(made.status.success());
    check_says(&text(&made.stdout), &["dev/uri:spiffe://keybroker.test/app", "dev/uri:spiffe://keybroker.test/ops"]);
    for name in ["ca", "server", "app", "ops"] {
        assert_eq!(mode_of(&folder.join(format!("{name}.key"))), 0o600, "{name}");
        assert!(std::fs::read_to_string(folder.join(format!("{name}.pem"))).unwrap().contains("BEGIN CERTIFICATE"));
    }
    check_says(&broker.refusal(&["dev-pki", folder.to_str().unwrap()]), &["ca.pem already"]);
    let bad = broker.folder().join("bad");
    check_says(&broker.refusal(&["dev-pki", bad.to_str().unwrap(), "--client", "../x"]), &["../x"]);
}
