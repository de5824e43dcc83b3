use std::sync::Arc;

use broker_core::algorithm::PublicKey;
use broker_core::key::{KeyRecord, Material};
use broker_core::port::Store;
use broker_core::refusal::Refusal;
use broker_store_sqlite::{BACKUP_BYTES_MAX, Options, SqliteStore};

use crate::sample::*;

fn backed_up() -> (KeyRecord, Vec<Arc<Material>>) {
    let record = rotating(&next_of(&key("vault-a", "key-a")));
    let moved = Material { origin_vault: Some(vault_name("vault-b")), ..material(b"readable-one") };
    (record, vec![Arc::new(material(b"readable-two")), Arc::new(moved)])
}

fn refused(store: &SqliteStore, bytes: &[u8]) -> String {
    match store.open_backup(bytes).unwrap_err().refusal {
        Refusal::BadRequest { problem } => problem,
        refusal => panic!("{refusal}"),
    }
}

#[test]
fn a_backup_opens_as_it_was_also_after_reopening_and_shows_nothing() {
    let place = Place::new();
    let store = place.create();
    let (record, materials) = backed_up();
    let sealed = store.seal_backup(&record, &materials).unwrap();
    assert_ne!(sealed, store.seal_backup(&record, &materials).unwrap());
    for part in [&b"readable"[..], b"vault-a", b"key-a", b"rsa3072"] {
        assert!(!sealed.windows(part.len()).any(|window| window == part));
    }
    drop(store);
    let (opened, opened_materials) = place.open().open_backup(&sealed).unwrap();
    assert_eq!(opened, record);
    assert!(opened_materials.iter().eq(materials.iter().map(|material| &**material)));
}

#[test]
fn every_flipped_bit_and_every_cut_of_a_backup_is_refused_in_the_same_words() {
    let place = Place::new();
    let store = place.create();
    let (record, materials) = backed_up();
    let sealed = store.seal_backup(&record, &materials).unwrap();
    let words = refused(&store, b"");
    for bit in 0..sealed.len() * 8 {
        let mut bent = sealed.clone();
        bent[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(refused(&store, &bent), words, "bit {bit}");
    }
    for length in 0..sealed.len() {
        assert_eq!(refused(&store, &sealed[..length]), words, "cut to {length} bytes");
    }
    assert_eq!(refused(&store, &[sealed.as_slice(), b"x"].concat()), words);
    assert_eq!(refused(&store, &vec![0; BACKUP_BYTES_MAX + 1]), words);
    store.open_backup(&sealed).unwrap();
}

#[test]
fn a_backup_opens_in_another_store_that_began_with_the_same_root_key_and_in_no_other() {
    let place = Place::new();
    let store = place.create();
    let other = SqliteStore::create(&place.directory.path().join("other.db"), &place.root, Options::default()).unwrap();
    let (record, materials) = backed_up();
    let sealed = other.seal_backup(&record, &materials).unwrap();
    assert_eq!(store.open_backup(&sealed).unwrap().0, record);
    other.open_backup(&sealed).unwrap();
    let stranger = Place::new();
    let stranger = stranger.create();
    assert_eq!(refused(&stranger, &sealed), refused(&stranger, b""));
}

#[test]
fn a_backup_whose_versions_and_materials_do_not_match_is_refused() {
    let place = Place::new();
    let store = place.create();
    let (record, materials) = backed_up();
    for materials in [&materials[..1], &[]] {
        let sealed = store.seal_backup(&record, materials).unwrap();
        assert_eq!(refused(&store, &sealed), refused(&store, b""));
    }
}

#[test]
fn a_key_too_large_for_a_backup_is_refused_before_it_is_sealed() {
    let place = Place::new();
    let store = place.create();
    let (record, _) = backed_up();
    let large = Material { opaque: vec![7; 9 << 20], public: PublicKey::None, origin_vault: None };
    let failure = store.seal_backup(&record, &[Arc::new(large.clone()), Arc::new(large)]).unwrap_err();
    assert!(matches!(failure.refusal, Refusal::Conflict { .. }), "{failure}");
}
