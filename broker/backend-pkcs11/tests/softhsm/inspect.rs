//! Looks into a token with another program's eyes: the bare module in a process of its own.

use std::process::Command;

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::object::{Attribute, AttributeType, ObjectClass};
use cryptoki::session::{Session, UserType};
use cryptoki::types::AuthPin;

use crate::plant::{MODULE, PIN, Plant};

/// What the token holds, a line an object.
pub fn objects(plant: &Plant) -> Vec<String> {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "inspect::print_objects", "--ignored", "--nocapture"])
        .env("SOFTHSM2_CONF", plant.configuration())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    text.lines().filter_map(|line| line.strip_prefix("object ")).map(str::to_owned).collect()
}

/// A session of this process.
pub fn bare_session() -> Session {
    let module = Pkcs11::new(MODULE).unwrap();
    module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)).unwrap();
    let slot = module.get_slots_with_initialized_token().unwrap().remove(0);
    let session = module.open_rw_session(slot).unwrap();
    session.login(UserType::User, Some(&AuthPin::from(PIN.to_owned()))).unwrap();
    session
}

#[test]
#[ignore = "run by other tests, in a process with SOFTHSM2_CONF"]
#[expect(clippy::print_stdout)]
fn print_objects() {
    let session = bare_session();
    for object in session.find_objects(&[]).unwrap() {
        let wanted = [AttributeType::Class, AttributeType::Label, AttributeType::Id, AttributeType::Token];
        let found = session.get_attributes(object, &wanted).unwrap();
        let [Attribute::Class(class), Attribute::Label(label), Attribute::Id(id), Attribute::Token(true)] = &found[..]
        else {
            panic!("{found:?}")
        };
        let label = String::from_utf8_lossy(label);
        if *class == ObjectClass::PUBLIC_KEY {
            println!("object public {label}");
            continue;
        }
        let wanted = [
            AttributeType::Sensitive,
            AttributeType::Extractable,
            AttributeType::AlwaysSensitive,
            AttributeType::NeverExtractable,
            AttributeType::Private,
        ];
        let kept = session.get_attributes(object, &wanted).unwrap();
        let secrets = [AttributeType::Value, AttributeType::PrivateExponent, AttributeType::Prime1];
        let shown = session.get_attributes(object, &secrets).unwrap();
        println!("object hidden {label} {} {kept:?} shown {}", id.len(), shown.len());
    }
}

#[tokio::test]
async fn keys_never_leave_the_token() {
    use broker_core::algorithm::KeySpec;
    let plant = Plant::new();
    let hsm = plant.open().await;
    for (version, spec) in [(1, KeySpec::Rsa2048), (2, KeySpec::EcP256), (3, KeySpec::Oct256)] {
        hsm.make("key", version, spec).await.unwrap();
    }
    let objects = objects(&plant);
    let hidden: Vec<&String> = objects.iter().filter(|object| object.starts_with("hidden")).collect();
    assert_eq!((hidden.len(), objects.len()), (3, 5), "{objects:?}");
    for object in hidden {
        assert!(object.starts_with("hidden vault1/key/0"), "{object}");
        let kept = "16 [Sensitive(true), Extractable(false), AlwaysSensitive(true), NeverExtractable(true), Private(true)] shown 0";
        assert!(object.ends_with(kept), "{object}");
    }
}
