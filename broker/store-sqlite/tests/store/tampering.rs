use broker_core::key::KeyRecord;
use broker_core::port::{Change, Store};
use broker_core::refusal::Refusal;
use broker_store_sqlite::OpenError;

use crate::sample::*;

/// A closed store with two keys of revision 2, one of them with material and a policy, a grant, a pin and a vault.
async fn written() -> (Place, [KeyRecord; 2]) {
    let place = Place::new();
    let store = place.create();
    let keys = [key("vault-a", "key-a"), key("vault-a", "key-b")];
    let mut changes: Vec<_> = keys.iter().map(put).collect();
    changes.extend([
        put_material(&keys[0], 1, &material(b"opaque")),
        Change::PutGrant(grant(1)),
        Change::PutPin(pin("esx1")),
        Change::PutVault(vault("vault-a")),
    ]);
    store.commit(changes).await.unwrap();
    drop(store);
    // As it was, to put back parts of it later.
    std::fs::copy(&place.path, place.directory.path().join("old.db")).unwrap();
    let store = place.open();
    let keys = [rotating(&keys[0]), next_of(&keys[1])];
    store.commit(keys.iter().map(put).collect()).await.unwrap();
    (place, keys)
}

impl Place {
    /// Changes the file behind the broker's back, with the older copy at hand as `old`.
    fn edit(&self, sql: &str) {
        let raw = self.raw();
        let old = self.directory.path().join("old.db");
        raw.execute_batch(&format!("ATTACH '{}' AS old; {sql}", old.display())).unwrap();
        let changed = raw.total_changes();
        assert!(changed > 0 || sql.contains("CREATE") || sql.contains("DROP"), "{sql} changed nothing");
    }
}

const KEY_A: &str = "(SELECT min(seq) FROM mark WHERE kind = 1)";
const KEY_B: &str = "(SELECT max(seq) FROM mark WHERE kind = 1)";

#[tokio::test]
async fn a_store_with_other_rows_than_were_written_does_not_open() {
    let edits = [
        ("a key taken away", format!("DELETE FROM mark WHERE seq = {KEY_A}")),
        ("a grant taken away", "DELETE FROM mark WHERE kind = 3".to_owned()),
        ("all rows taken away", "DELETE FROM mark".to_owned()),
        ("an older row put back", format!("REPLACE INTO mark SELECT * FROM old.mark WHERE seq = {KEY_A}; REPLACE INTO body SELECT * FROM old.body WHERE seq = {KEY_A}")),
        ("all older rows put back", "REPLACE INTO mark SELECT * FROM old.mark; REPLACE INTO body SELECT * FROM old.body".to_owned()),
        ("an older state put back", "REPLACE INTO state SELECT * FROM old.state".to_owned()),
        ("the state taken away", "DELETE FROM state".to_owned()),
        ("the generation changed", "UPDATE state SET generation = generation + 1".to_owned()),
        ("two ids swapped", format!("UPDATE mark SET seq = {KEY_A} + {KEY_B} - seq WHERE kind = 1")),
        ("a row moved to another id", format!("UPDATE mark SET id = x'00112233445566778899aabbccddeeff' WHERE seq = {KEY_A}")),
        ("a row moved to another vault", format!("UPDATE mark SET parent = x'00112233445566778899aabbccddeeff' WHERE seq = {KEY_A}")),
        ("a row made another kind", "UPDATE mark SET kind = 4 WHERE kind = 3".to_owned()),
        ("a row of no kind", "UPDATE mark SET kind = 99 WHERE kind = 3".to_owned()),
        ("a key marked deleted", format!("UPDATE mark SET live = 0 WHERE seq = {KEY_A}")),
        ("a key neither live nor deleted", format!("UPDATE mark SET live = 2 WHERE seq = {KEY_A}")),
        ("a revision lowered", format!("UPDATE mark SET revision = 1 WHERE seq = {KEY_A}")),
        ("a stamp changed", format!("UPDATE mark SET stamp = stamp + 1 WHERE seq = {KEY_A}")),
        ("a key due later", format!("UPDATE mark SET due = due + 1 WHERE seq = {KEY_A}")),
        ("a key due never", format!("UPDATE mark SET due = NULL WHERE seq = {KEY_A}")),
        ("a key due that is not", format!("UPDATE mark SET due = 0 WHERE seq = {KEY_B}")),
        ("a grant due", "UPDATE mark SET due = 1 WHERE kind = 3".to_owned()),
        ("a short id", format!("UPDATE mark SET id = x'00' WHERE seq = {KEY_A}")),
        ("a row doubled", "INSERT INTO mark SELECT kind, x'00112233445566778899aabbccddeeff', parent, live, seq, revision, stamp, due FROM mark WHERE kind = 3".to_owned()),
        ("a trigger added", "CREATE TRIGGER t AFTER INSERT ON mark BEGIN DELETE FROM mark; END".to_owned()),
        ("the index of the listing taken away", "DROP INDEX listing".to_owned()),
        ("the index of what is due taken away", "DROP INDEX waiting".to_owned()),
        ("a table added", "CREATE TABLE t (a)".to_owned()),
    ];
    for (what, sql) in edits {
        let (place, _) = written().await;
        place.edit(&sql);
        let error = place.refusal();
        assert!(matches!(error, OpenError::Altered(_)), "{what}: {error}");
        assert!(error.to_string().starts_with("the store was altered outside keybroker: "), "{what}: {error}");
    }
}

#[tokio::test]
async fn a_body_that_is_not_its_marks_own_is_not_served() {
    let edits = [
        ("an older body put back", format!("REPLACE INTO body SELECT * FROM old.body WHERE seq = {KEY_A}")),
        (
            "another key's body put in its place",
            format!("UPDATE body SET sealed = (SELECT sealed FROM body WHERE seq = {KEY_B}) WHERE seq = {KEY_A}"),
        ),
        ("the body taken away", format!("DELETE FROM body WHERE seq = {KEY_A}")),
        (
            "the body cut short",
            format!("UPDATE body SET sealed = substr(sealed, 1, length(sealed) - 1) WHERE seq = {KEY_A}"),
        ),
        ("the body emptied", format!("UPDATE body SET sealed = x'' WHERE seq = {KEY_A}")),
    ];
    for (what, sql) in edits {
        let (place, keys) = written().await;
        place.edit(&sql);
        refuses_key_a_alone(&place, &keys, what).await;
    }
}

async fn refuses_key_a_alone(place: &Place, keys: &[KeyRecord; 2], what: &str) {
    let store = place.open();
    for _ in 0..2 {
        let failure = store.key(&keys[0].vault, &keys[0].name).await.unwrap_err();
        assert_eq!(failure.refusal, Refusal::StoreUnavailable, "{what}");
        assert!(failure.cause.unwrap().contains("altered outside keybroker"), "{what}");
    }
    assert!(store.keys(&keys[0].vault, false, None, 10).await.is_err(), "{what}");
    assert_eq!(*store.key(&keys[1].vault, &keys[1].name).await.unwrap().unwrap(), keys[1], "{what}");
}

#[tokio::test]
async fn a_flipped_bit_anywhere_in_a_body_is_refused() {
    let (place, keys) = written().await;
    let read = |raw: &rusqlite::Connection| {
        raw.query_row(&format!("SELECT seq, sealed FROM body WHERE seq = {KEY_A}"), (), |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?))
        })
    };
    let (seq, sealed) = read(&place.raw()).unwrap();
    let write = |bytes: &[u8]| {
        let changed = place.raw().execute("UPDATE body SET sealed = ?1 WHERE seq = ?2", rusqlite::params![bytes, seq]);
        assert_eq!(changed.unwrap(), 1);
    };
    for byte in [0, 11, 12, sealed.len() / 2, sealed.len() - 17, sealed.len() - 16, sealed.len() - 1] {
        let mut flipped = sealed.clone();
        flipped[byte] ^= 1 << (byte % 8);
        write(&flipped);
        refuses_key_a_alone(&place, &keys, &format!("byte {byte}")).await;
    }
    write(&sealed);
    assert_eq!(*place.open().key(&keys[0].vault, &keys[0].name).await.unwrap().unwrap(), keys[0]);
}

#[tokio::test]
async fn a_bent_header_is_refused() {
    let rows = [
        ("UPDATE header SET store_id = x'00112233445566778899aabbccddeeff'", "does not open with this root key"),
        ("UPDATE header SET data_key = zeroblob(length(data_key))", "does not open with this root key"),
        ("UPDATE header SET root = x'07'", "altered outside keybroker"),
        (
            "UPDATE header SET root = x'0100000000000000000000000000000000000000000000000000000000'",
            "altered outside keybroker",
        ),
        ("UPDATE header SET store_id = x'00'", "altered outside keybroker"),
        ("DELETE FROM header", "not a keybroker store"),
    ];
    for (sql, words) in rows {
        let (place, _) = written().await;
        place.edit(sql);
        let error = place.refusal().to_string();
        assert!(error.contains(words), "{sql}: {error}");
    }
}

#[tokio::test]
async fn an_old_copy_of_the_whole_file_has_a_lower_generation() {
    let (place, keys) = written().await;
    let store = place.open();
    let generation = store.generation();
    drop(store);
    std::fs::copy(place.directory.path().join("old.db"), &place.path).unwrap();
    let store = place.open();
    assert_eq!(store.key(&keys[0].vault, &keys[0].name).await.unwrap().unwrap().revision, 1);
    assert_eq!(store.generation(), generation - 1);
}

#[tokio::test]
async fn a_page_of_the_file_put_back_from_an_old_copy_is_refused() {
    let (place, keys) = written().await;
    let new = std::fs::read(&place.path).unwrap();
    let old = std::fs::read(place.directory.path().join("old.db")).unwrap();
    assert_eq!(new.len(), old.len());
    let pages: Vec<_> = (0..new.len() / 4096).map(|page| page * 4096..(page + 1) * 4096).collect();
    let mut refused = 0;
    for page in pages.into_iter().skip(1).filter(|page| new[page.clone()] != old[page.clone()]) {
        let mut mixed = new.clone();
        mixed[page.clone()].copy_from_slice(&old[page.clone()]);
        std::fs::write(&place.path, mixed).unwrap();
        match place.try_open() {
            Err(error) => assert!(matches!(error, OpenError::Altered(_)), "page at {}: {error}", page.start),
            Ok(store) => assert!(store.key(&keys[0].vault, &keys[0].name).await.is_err(), "page at {}", page.start),
        }
        refused += 1;
    }
    // The tables mark, body and state, and what is due; not the listing, since nothing that it holds has changed.
    assert_eq!(refused, 4);
}
