//! What a key's attributes, versions and vault mean for what is served.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, HashSet};
use std::pin::pin;

use broker_core::algorithm::{KeySpec, WrapAlgorithm, WrapExtras};
use broker_core::broker::{CreateKey, Limits, NewVault, SECRET_BYTES_MAX, VaultPatch};
use broker_core::key::{KeyOperation, KeyOperations, KeyRecord, VersionPatch};
use broker_core::name::KeyVersion;
use broker_core::port::Capabilities;
use broker_core::refusal::Refusal;
use broker_testkit::{Bench, FakeBackend, asker, backend_name, key_name, poll_once, run, vault_name};

const OAEP: WrapAlgorithm = WrapAlgorithm::RsaOaep256;

fn with_key() -> Bench {
    let bench = Bench::new();
    bench.make_key("k", KeySpec::Rsa2048);
    bench
}

fn patch(bench: &Bench, version: Option<KeyVersion>, patch: VersionPatch) -> Result<(), Refusal> {
    run(bench.broker.update_key(&bench.admin(), bench.vault(), key_name("k"), version, patch)).map(drop)
}

fn dates(nbf: Option<i64>, exp: Option<i64>) -> VersionPatch {
    VersionPatch { not_before_s: nbf, expires_s: exp, ..VersionPatch::default() }
}

fn enabled(enabled: bool) -> VersionPatch {
    VersionPatch { enabled: Some(enabled), ..VersionPatch::default() }
}

fn rotate(bench: &Bench) -> KeyVersion {
    run(bench.broker.rotate_key(&bench.admin(), bench.vault(), key_name("k"))).unwrap().version.version
}

/// Encrypt and wrap, decrypt and unwrap, all four on `k`: the words of their refusals.
fn uses(bench: &Bench, sealed: &[u8]) -> [Result<(), &'static str>; 4] {
    let (broker, admin) = (&bench.broker, bench.admin());
    [
        run(broker.wrap_key(&admin, bench.wrap_ask("k", None, OAEP, b"x"))).map(drop),
        run(broker.encrypt(&admin, bench.wrap_ask("k", None, OAEP, b"x"))).map(drop),
        run(broker.unwrap_key(&admin, bench.unwrap_ask("k", None, OAEP, sealed))).map(drop),
        run(broker.decrypt(&admin, bench.unwrap_ask("k", None, OAEP, sealed))).map(drop),
    ]
    .map(|result| result.map_err(|refusal| refusal.word()))
}

#[test]
fn dates_end_wrapping_but_not_unwrapping_and_disabling_ends_both() {
    let bench = with_key();
    let sealed = bench.wrap(&bench.admin(), "k", b"secret").unwrap().wrapped.value;
    let now = bench.clock.now_s();
    let early = [Err("key-not-yet-valid"), Err("key-not-yet-valid"), Ok(()), Ok(())];
    let late = [Err("key-expired"), Err("key-expired"), Ok(()), Ok(())];
    patch(&bench, None, dates(Some(now + 10), Some(now + 20))).unwrap();
    assert_eq!(uses(&bench, &sealed), early);
    bench.clock.advance_s(9);
    assert_eq!(uses(&bench, &sealed), early, "one second before nbf");
    bench.clock.advance_s(1);
    assert_eq!(uses(&bench, &sealed), [Ok(()); 4], "at nbf");
    bench.clock.advance_s(9);
    assert_eq!(uses(&bench, &sealed), [Ok(()); 4], "one second before exp");
    bench.clock.advance_s(1);
    assert_eq!(uses(&bench, &sealed), late, "at exp");
    patch(&bench, None, dates(None, Some(now + 30))).unwrap();
    assert_eq!(uses(&bench, &sealed), [Ok(()); 4], "a later exp revives it");
    patch(&bench, None, enabled(false)).unwrap();
    assert_eq!(uses(&bench, &sealed), [Err("key-disabled"); 4]);
    patch(&bench, None, enabled(true)).unwrap();
    assert_eq!(uses(&bench, &sealed), [Ok(()); 4]);
}

#[test]
fn key_ops_leave_out_what_they_do_not_name() {
    let bench = with_key();
    let sealed = bench.wrap(&bench.admin(), "k", b"secret").unwrap().wrapped.value;
    let kinds = [KeyOperation::WrapKey, KeyOperation::Encrypt, KeyOperation::UnwrapKey, KeyOperation::Decrypt];
    for only in kinds {
        let operations: KeyOperations = [only].into_iter().collect();
        patch(&bench, None, VersionPatch { operations: Some(operations), ..VersionPatch::default() }).unwrap();
        let expected = kinds.map(|kind| if kind == only { Ok(()) } else { Err("key-operation-excluded") });
        assert_eq!(uses(&bench, &sealed), expected, "{only}");
    }
}

#[test]
fn what_was_wrapped_comes_back_and_nothing_else_opens() {
    let bench = with_key();
    bench.make_key("other", KeySpec::Rsa2048);
    let wrapped = bench.wrap(&bench.admin(), "k", b"secret").unwrap();
    let opened = bench.unwrap(&bench.admin(), "k", &wrapped.wrapped.value).unwrap();
    assert_eq!((opened.secret.expose(), opened.version), (&b"secret"[..], wrapped.version));
    let unwrap = |key: &str, algorithm, value: &[u8]| {
        run(bench.broker.unwrap_key(&bench.admin(), bench.unwrap_ask(key, None, algorithm, value))).map(drop)
    };
    let value = &wrapped.wrapped.value;
    assert_eq!(unwrap("other", OAEP, value), Err(Refusal::Unwrappable));
    assert_eq!(unwrap("k", WrapAlgorithm::RsaOaep, value), Err(Refusal::Unwrappable));
    for cut in [&value[1..], &value[..value.len() - 1], &[][..]] {
        assert_eq!(unwrap("k", OAEP, cut), Err(Refusal::Unwrappable));
    }
}

#[test]
fn an_unwrap_without_a_version_opens_what_older_versions_wrapped() {
    let bench = with_key();
    let sealed = bench.wrap(&bench.admin(), "k", b"old").unwrap();
    let mut versions = vec![sealed.version];
    versions.extend((0..3).map(|_| rotate(&bench)));
    let opened = bench.unwrap(&bench.admin(), "k", &sealed.wrapped.value).unwrap();
    assert_eq!((opened.secret.expose(), opened.version), (&b"old"[..], sealed.version));
    assert_eq!(bench.audit.last().version, Some(sealed.version), "the entry names the version that opened");
    versions.reverse();
    assert_eq!(bench.software.calls().pop().unwrap().versions, versions, "newest first");
    patch(&bench, Some(versions[1]), enabled(false)).unwrap();
    bench.unwrap(&bench.admin(), "k", &sealed.wrapped.value).unwrap();
    assert_eq!(
        bench.software.calls().pop().unwrap().versions,
        [versions[0], versions[2], versions[3]],
        "no disabled one"
    );
    patch(&bench, Some(sealed.version), enabled(false)).unwrap();
    assert_eq!(bench.unwrap(&bench.admin(), "k", &sealed.wrapped.value).unwrap_err(), Refusal::Unwrappable);
    let named = bench.unwrap_ask("k", Some(sealed.version), OAEP, &sealed.wrapped.value);
    assert!(matches!(run(bench.broker.unwrap_key(&bench.admin(), named)), Err(Refusal::KeyDisabled { .. })));
}

#[test]
fn an_unwrap_without_a_version_tries_no_more_than_the_limit_and_a_rotation_says_whom_it_strands() {
    let bench = with_key();
    let sealed = bench.wrap(&bench.admin(), "k", b"old").unwrap();
    for _ in 0..7 {
        rotate(&bench);
        assert_eq!(bench.audit.last().detail, None);
    }
    bench.unwrap(&bench.admin(), "k", &sealed.wrapped.value).unwrap();
    assert_eq!(bench.software.calls().pop().unwrap().versions.len(), 8);
    rotate(&bench);
    assert!(bench.audit.last().detail.unwrap().contains(&sealed.version.to_string()));
    assert_eq!(bench.unwrap(&bench.admin(), "k", &sealed.wrapped.value).unwrap_err(), Refusal::Unwrappable);
    assert_eq!(bench.software.calls().pop().unwrap().versions.len(), 8);
    let named = bench.unwrap_ask("k", Some(sealed.version), OAEP, &sealed.wrapped.value);
    assert_eq!(run(bench.broker.unwrap_key(&bench.admin(), named)).unwrap().secret.expose(), b"old");
}

#[test]
fn versions_of_another_kind_are_not_tried() {
    let bench = with_key();
    let sealed = bench.wrap(&bench.admin(), "k", b"old").unwrap();
    bench.make_key("k", KeySpec::Oct256);
    assert_eq!(bench.unwrap(&bench.admin(), "k", &sealed.wrapped.value).unwrap().version, sealed.version);
    let kw = bench.unwrap_ask("k", None, WrapAlgorithm::A128Kw, b"0123456789abcdef01234567");
    assert!(matches!(run(bench.broker.unwrap_key(&bench.admin(), kw)), Err(Refusal::AlgorithmUnsupported { .. })));
    let hsm = CreateKey { hsm: true, ..bench.create_ask("k", KeySpec::Rsa2048) };
    run(bench.broker.create_key(&bench.admin(), hsm)).unwrap();
    let tried = bench.unwrap(&bench.admin(), "k", &sealed.wrapped.value);
    assert_eq!(tried.unwrap_err(), Refusal::Unwrappable, "only the backend of the newest is asked");
    assert_eq!(bench.hsm.calls().pop().unwrap().versions.len(), 1);
}

#[test]
fn rsa1_5_is_off_by_default_and_tries_the_latest_alone() {
    let old = WrapAlgorithm::Rsa1V5;
    let bench = with_key();
    let off = run(bench.broker.wrap_key(&bench.admin(), bench.wrap_ask("k", None, old, b"x")));
    assert!(matches!(off, Err(Refusal::AlgorithmUnsupported { .. })));
    let off = run(bench.broker.unwrap_key(&bench.admin(), bench.unwrap_ask("k", None, old, b"x")));
    assert!(matches!(off, Err(Refusal::AlgorithmUnsupported { .. })));
    let bench = Bench::with_limits(Limits { rsa1_5: true, ..Limits::default() });
    bench.make_key("k", KeySpec::Rsa2048);
    let sealed = run(bench.broker.wrap_key(&bench.admin(), bench.wrap_ask("k", None, old, b"x"))).unwrap();
    let unwrap = |version| {
        run(bench.broker.unwrap_key(&bench.admin(), bench.unwrap_ask("k", version, old, &sealed.wrapped.value)))
            .map(drop)
    };
    unwrap(None).unwrap();
    let latest = rotate(&bench);
    assert_eq!(unwrap(None), Err(Refusal::Unwrappable));
    assert_eq!(bench.software.calls().pop().unwrap().versions, [latest]);
    unwrap(Some(sealed.version)).unwrap();
}

#[test]
fn the_backend_is_asked_for_nothing_it_does_not_serve() {
    let bench = with_key();
    let sealed = bench.wrap(&bench.admin(), "k", b"x").unwrap().wrapped.value;
    bench.broker.replace_backends(
        [(backend_name("software"), std::sync::Arc::new(FakeBackend::new(Capabilities::default())) as _)].into(),
    );
    assert_eq!(uses(&bench, &sealed), [Err("algorithm-unsupported"); 4]);
    let made = run(bench.broker.create_key(&bench.admin(), bench.create_ask("new", KeySpec::Rsa2048)));
    assert!(matches!(made, Err(Refusal::AlgorithmUnsupported { .. })));
    bench.broker.replace_backends([].into());
    assert_eq!(uses(&bench, &sealed), [Err("backend-unavailable"); 4]);
}

#[test]
fn a_secret_has_1_to_65536_bytes() {
    let bench = with_key();
    for (bytes, served) in [(0, false), (1, true), (SECRET_BYTES_MAX, true), (SECRET_BYTES_MAX + 1, false)] {
        let answer = bench.wrap(&bench.admin(), "k", &vec![7; bytes]);
        assert_eq!(answer.is_ok(), served, "{bytes} bytes");
        assert!(served || matches!(answer, Err(Refusal::BadRequest { .. })));
    }
}

#[test]
fn gcm_takes_its_iv_and_tag_beside_the_value() {
    let bench = Bench::new();
    bench.make_key("k", KeySpec::Oct256);
    let gcm = WrapAlgorithm::A256Gcm;
    let mut ask = bench.wrap_ask("k", None, gcm, b"secret");
    ask.extras.aad = b"context".to_vec();
    let sealed = run(bench.broker.wrap_key(&bench.admin(), ask)).unwrap().wrapped;
    assert_eq!((sealed.iv.len(), sealed.tag.len()), (12, 16));
    let open = |aad: &[u8]| {
        let mut ask = bench.unwrap_ask("k", None, gcm, &sealed.value);
        ask.extras = WrapExtras { iv: sealed.iv.clone(), aad: aad.to_vec(), tag: sealed.tag.clone() };
        run(bench.broker.unwrap_key(&bench.admin(), ask)).map(|opened| opened.secret.expose().to_vec())
    };
    assert_eq!(open(b"context").unwrap(), b"secret");
    assert_eq!(open(b"another"), Err(Refusal::Unwrappable));
}

#[test]
fn create_on_a_live_name_adds_a_version_and_on_a_deleted_one_is_refused() {
    let bench = with_key();
    let first = bench.store.peek(&bench.vault(), &key_name("k")).unwrap();
    let second = bench.make_key("k", KeySpec::Rsa3072).version;
    let record = bench.store.peek(&bench.vault(), &key_name("k")).unwrap();
    assert_eq!(record.versions, [first.latest().clone(), second]);
    let deleted = KeyRecord { revision: record.revision + 1, ..record.deleted(1, 90).unwrap() };
    bench.store.overwrite(deleted.clone());
    let (calls, admin) = (bench.software.calls().len(), bench.admin());
    let again = run(bench.broker.create_key(&admin, bench.create_ask("k", KeySpec::Rsa2048)));
    assert_eq!(again.unwrap_err(), Refusal::KeyDeleted { key: key_name("k") });
    for refused in [
        run(bench.broker.get_key(&admin, bench.vault(), key_name("k"), None)).map(drop),
        run(bench.broker.rotate_key(&admin, bench.vault(), key_name("k"))).map(drop),
        run(bench.broker.list_versions(&admin, bench.vault(), key_name("k"), None, 25)).map(drop),
        bench.wrap(&admin, "k", b"x").map(drop),
        patch(&bench, None, enabled(true)),
    ] {
        assert_eq!(refused, Err(Refusal::KeyNotFound { key: key_name("k"), version: None }));
    }
    assert_eq!(bench.software.calls().len(), calls, "the backend was asked about a deleted key");
    assert_eq!(*bench.store.peek(&bench.vault(), &key_name("k")).unwrap(), deleted);
    assert!(run(bench.broker.list_keys(&admin, bench.vault(), None, 25)).unwrap().items.is_empty());
}

#[test]
fn a_key_deleted_while_its_new_version_is_made_stays_deleted() {
    let bench = with_key();
    let admin = bench.admin();
    bench.software.gate.close();
    let mut rotation = pin!(bench.broker.rotate_key(&admin, bench.vault(), key_name("k")));
    assert!(poll_once(rotation.as_mut()).is_none());
    let record = bench.store.peek(&bench.vault(), &key_name("k")).unwrap();
    bench.store.overwrite(KeyRecord { revision: record.revision + 1, ..record.deleted(1, 90).unwrap() });
    bench.software.gate.open();
    assert!(matches!(poll_once(rotation.as_mut()), Some(Err(Refusal::KeyDeleted { .. }))));
}

#[test]
fn a_rotation_makes_a_fresh_enabled_version_like_the_latest() {
    let bench = Bench::new();
    let ask = CreateKey {
        enabled: Some(false),
        expires_s: Some(5),
        hsm: true,
        not_before_s: Some(1),
        operations: Some([KeyOperation::UnwrapKey].into_iter().collect()),
        tags: BTreeMap::from([("team".to_owned(), "red".to_owned())]),
        ..bench.create_ask("k", KeySpec::Oct256)
    };
    let first = run(bench.broker.create_key(&bench.admin(), ask)).unwrap().version;
    bench.clock.advance_s(5);
    let now = bench.clock.now_s();
    let second = run(bench.broker.rotate_key(&bench.admin(), bench.vault(), key_name("k"))).unwrap().version;
    assert_ne!(second.version, first.version);
    assert_eq!((second.enabled, second.not_before_s, second.expires_s), (true, None, None));
    assert_eq!((second.created_s, second.updated_s), (now, now));
    assert_eq!((second.spec, second.hsm, &second.backend), (first.spec, true, &backend_name("hsm")));
    assert_eq!((second.operations, second.tags), (first.operations, first.tags));
}

#[test]
fn rotations_at_the_same_time_all_survive() {
    let bench = with_key();
    let admin = bench.admin();
    bench.software.gate.close();
    let mut rotations: Vec<_> =
        (0..5).map(|_| Box::pin(bench.broker.rotate_key(&admin, bench.vault(), key_name("k")))).collect();
    assert!(rotations.iter_mut().all(|rotation| poll_once(rotation.as_mut()).is_none()));
    bench.software.gate.open();
    bench.store.commit_gate.close();
    assert!(rotations.iter_mut().all(|rotation| poll_once(rotation.as_mut()).is_none()));
    bench.store.commit_gate.open(); // all five now commit what they made from the same revision
    let mut answered = HashSet::new();
    for _ in 0..20 {
        rotations.retain_mut(|rotation| match poll_once(rotation.as_mut()) {
            None => true,
            Some(answer) => !answered.insert(answer.unwrap().version.version),
        });
    }
    assert_eq!((rotations.len(), answered.len()), (0, 5));
    let record = bench.store.peek(&bench.vault(), &key_name("k")).unwrap();
    let kept: HashSet<_> = record.versions.iter().map(|version| version.version).collect();
    assert!(record.versions.len() == 6 && answered.is_subset(&kept));
    for version in answered {
        run(bench.broker.get_key(&admin, bench.vault(), key_name("k"), Some(version))).unwrap();
    }
}

#[test]
fn an_hsm_key_lives_in_the_hsm_backend_or_nowhere() {
    let bench = Bench::new();
    let made = CreateKey { hsm: true, ..bench.create_ask("k", KeySpec::Rsa2048) };
    assert_eq!(run(bench.broker.create_key(&bench.admin(), made)).unwrap().version.backend, backend_name("hsm"));
    assert_eq!((bench.hsm.calls().len(), bench.software.calls().len()), (1, 0));
    let vault = NewVault::new(vault_name("plain"), backend_name("software"));
    run(bench.broker.create_vault(&bench.admin(), vault)).unwrap();
    let ask = CreateKey { hsm: true, vault: vault_name("plain"), ..bench.create_ask("k", KeySpec::Rsa2048) };
    let refused = run(bench.broker.create_key(&bench.admin(), ask));
    assert!(matches!(refused, Err(Refusal::AlgorithmUnsupported { .. })));
}

#[test]
fn tags_and_dates_that_make_no_sense_are_refused_before_anything_is_made() {
    let bench = with_key();
    let tags = |count: usize, length: usize| -> BTreeMap<_, _> {
        (0..count).map(|number| (format!("t{number}"), "ü".repeat(length))).collect()
    };
    let calls = bench.software.calls().len();
    let create = |ask: CreateKey| run(bench.broker.create_key(&bench.admin(), ask)).map(drop);
    let ask = || bench.create_ask("new", KeySpec::Rsa2048);
    for refused in [
        create(CreateKey { tags: tags(16, 1), ..ask() }),
        create(CreateKey { tags: tags(1, 257), ..ask() }),
        create(CreateKey { not_before_s: Some(5), expires_s: Some(5), ..ask() }),
        patch(&bench, None, VersionPatch { tags: Some(tags(16, 1)), ..VersionPatch::default() }),
        patch(&bench, None, dates(Some(5), Some(4))),
    ] {
        assert!(matches!(refused, Err(Refusal::BadRequest { .. })), "{refused:?}");
    }
    assert_eq!(bench.software.calls().len(), calls);
    create(CreateKey { tags: tags(15, 256), not_before_s: Some(4), expires_s: Some(5), ..ask() }).unwrap();
}

#[test]
fn purge_protection_and_soft_delete_days_have_their_bounds() {
    let bench = Bench::new();
    let vault = |days, name: &str| NewVault {
        soft_delete_days: Some(days),
        ..NewVault::new(vault_name(name), backend_name("software"))
    };
    for (days, served) in [(6, false), (7, true), (90, true), (91, false)] {
        let made = run(bench.broker.create_vault(&bench.admin(), vault(days, &format!("days-{days}"))));
        assert_eq!(made.is_ok(), served, "{days} days");
    }
    let unknown = NewVault { backend: backend_name("nowhere"), ..vault(7, "vault3") };
    assert!(matches!(run(bench.broker.create_vault(&bench.admin(), unknown)), Err(Refusal::NotFound { .. })));
    let protect = |on| {
        let patch = VaultPatch { purge_protection: Some(on), ..VaultPatch::default() };
        run(bench.broker.update_vault(&bench.admin(), vault_name("days-7"), patch)).map(|vault| vault.recovery_level())
    };
    assert_eq!(protect(false), Ok("CustomizedRecoverable+Purgeable"));
    assert_eq!(protect(true), Ok("CustomizedRecoverable"));
    assert!(matches!(protect(false), Err(Refusal::Conflict { .. })));
    assert_eq!(protect(true), Ok("CustomizedRecoverable"));
}

#[test]
fn random_bytes_come_1_to_128_at_a_time() {
    let bench = Bench::new();
    let user = "corp/dns:host1";
    bench.give(user, &[broker_core::permission::Permission::Rng], broker_core::grant::Scope::Broker);
    let ask = |count| run(bench.broker.random_bytes(&asker(user), bench.vault(), count));
    assert_eq!((ask(1).unwrap().len(), ask(128).unwrap().len()), (1, 128));
    assert_ne!(ask(32).unwrap().expose(), ask(32).unwrap().expose());
    for count in [0, 129, usize::MAX] {
        assert!(matches!(ask(count), Err(Refusal::BadRequest { .. })), "{count}");
    }
}

#[test]
fn pages_neither_repeat_nor_skip_while_keys_rotate_and_come() {
    let bench = Bench::new();
    for number in 0..12 {
        bench.make_key(&format!("k{number}"), KeySpec::Oct256);
    }
    let (mut found, mut after, mut pages) = (Vec::new(), None, 0);
    loop {
        let page = run(bench.broker.list_keys(&bench.admin(), bench.vault(), after, 5)).unwrap();
        found.extend(page.items.into_iter().map(|row| row.key.to_string()));
        after = page.next;
        pages += 1;
        if after.is_none() {
            break;
        }
        for key in ["k0", "k7", "k11"] {
            run(bench.broker.rotate_key(&bench.admin(), bench.vault(), key_name(key))).unwrap();
        }
    }
    let unique: HashSet<_> = found.iter().collect();
    assert_eq!((found.len(), unique.len(), pages), (12, 12, 3));
}

#[test]
fn pages_of_versions_neither_repeat_nor_skip_while_the_key_rotates() {
    let bench = with_key();
    let mut wanted = vec![bench.store.peek(&bench.vault(), &key_name("k")).unwrap().latest().version];
    wanted.extend((0..9).map(|_| rotate(&bench)));
    wanted.reverse();
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = run(bench.broker.list_versions(&bench.admin(), bench.vault(), key_name("k"), after, 3)).unwrap();
        assert!(page.items.len() <= 3);
        found.extend(page.items.into_iter().map(|row| row.version.version));
        after = page.next;
        if after.is_none() {
            break;
        }
        rotate(&bench);
    }
    assert_eq!(found, wanted, "newest first, as they were when the listing began");
}
