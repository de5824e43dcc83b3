//! Batches that are to be undone (KMIP 1.4 section 6.13), and names that are an owner's own once (section 3.2).

use std::sync::{Arc, Barrier};

use keybroker_tests::desk::*;

const STOP: u32 = 2;
const UNDO: u32 = 3;

/// Result statuses.
const SUCCESS: u32 = 0;
const FAILED: u32 = 1;
const UNDONE: u32 = 3;

const NOBODY: &str = "00000000-0000-4000-8000-000000000000";

#[test]
fn a_batch_that_is_to_be_undone_leaves_everything_as_it_was() {
    let broker = kmip(&[]).start();
    let speaker = speak(&owner(&broker, "esx1"));
    let kept = speaker.create(Some("kept"));
    let key = speaker.ask(&get(&kept)).key();
    let before = speaker.ask(&on_object(0xb, &kept));
    // A new object, a changed one, one that is read, a destroyed one; then one that is not there.
    let failing = [
        create(Some("new")),
        add_name(&kept, "another"),
        rekey(&kept),
        get(&kept),
        destroy(&kept),
        get(NOBODY),
        create(Some("never")),
    ];
    let answer = speaker.ask(&batch(UNDO, &failing));
    assert_eq!(answer.statuses(), [UNDONE, UNDONE, UNDONE, UNDONE, UNDONE, FAILED]);
    assert_eq!(answer.last_failure(), Some(ITEM_NOT_FOUND));
    // Nothing of it is told, least of all a key.
    assert_eq!(answer.ids_of_all(), [] as [String; 0]);
    for name in ["new", "another", "never"] {
        assert_eq!(speaker.ask(&locate(name)).ids(), [] as [String; 0], "{name}");
    }
    assert_eq!(speaker.ask(&locate("kept")).ids(), std::slice::from_ref(&kept));
    assert_eq!(speaker.ask(&get(&kept)).key(), key);
    let now = speaker.ask(&on_object(0xb, &kept));
    for name in ["Name", "State", "Link", "Last Change Date", "Fresh"] {
        assert_eq!(now.attribute_values(name), before.attribute_values(name), "{name}");
    }
    assert_eq!(now.attribute_values("State").len(), 1);
    let undone = broker.audit().into_iter().filter(|entry| entry["operation"] == "undo-objects").collect::<Vec<_>>();
    assert!(undone.iter().all(|entry| entry["principal"] == "system/objects") && undone.len() == 2, "{undone:?}");

    // The same to be stopped: what was done stays.
    let answer = speaker.ask(&batch(STOP, &failing));
    assert_eq!(answer.statuses(), [SUCCESS, SUCCESS, SUCCESS, SUCCESS, SUCCESS, FAILED]);
    assert_eq!(speaker.ask(&locate("new")).ids().len(), 1);
    assert!(speaker.ask(&get(&kept)).failure().is_some());
    // One that does not fail is carried out.
    let answer = speaker.ask(&batch(UNDO, &[create(Some("a")), create(Some("b"))]));
    assert_eq!(answer.statuses(), [SUCCESS, SUCCESS]);
    let verified = broker.cli(&["audit", "verify", "--dir", broker.home().join("audit").to_str().unwrap()]);
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
}

#[test]
fn an_owners_name_is_one_objects_alone_until_it_gives_it_up() {
    let broker = kmip(&[]).start();
    let (esx1, esx2) = (speak(&owner(&broker, "esx1")), speak(&owner(&broker, "esx2")));
    let first = esx1.create(Some("disk"));
    assert_eq!(esx1.ask(&create(Some("disk"))).failure(), Some(INVALID_FIELD));
    let other = esx1.create(Some("tape"));
    assert_eq!(esx1.ask(&add_name(&other, "disk")).failure(), Some(ILLEGAL_OPERATION));
    // Another client's names are its own: it hears nothing of these.
    let theirs = esx2.create(Some("disk"));
    assert_eq!(esx2.ask(&locate("disk")).ids(), [theirs]);
    // The one that replaces it takes the name along; a destroyed one holds none.
    let second = esx1.ask(&rekey(&first)).ids().remove(0);
    assert_eq!(esx1.ask(&locate("disk")).ids(), std::slice::from_ref(&second));
    assert_eq!(esx1.ask(&create(Some("disk"))).failure(), Some(INVALID_FIELD));
    assert_eq!(esx1.ask(&destroy(&second)).failure(), None);
    let third = esx1.create(Some("disk"));
    assert_eq!(esx1.ask(&locate("disk")).ids(), [third]);
}

#[test]
fn of_many_who_give_the_same_name_at_once_one_has_it() {
    const CLIENTS: usize = 16;
    let broker = kmip(&[]).start();
    let client = owner(&broker, "cluster");
    let start = Arc::new(Barrier::new(CLIENTS));
    for name in ["one", "two", "three"] {
        let threads: Vec<_> = (0..CLIENTS)
            .map(|_| {
                let (client, start) = (client.clone(), Arc::clone(&start));
                std::thread::spawn(move || {
                    let speaker = speak(&client);
                    start.wait();
                    speaker.ask(&create(Some(name))).failure().is_none()
                })
            })
            .collect();
        let made = threads.into_iter().map(|thread| thread.join().unwrap()).filter(|made| *made).count();
        assert_eq!((made, speak(&client).ask(&locate(name)).ids().len()), (1, 1), "{name}");
    }
}
