//! Each thing a module can do wrong, seen from outside: every request is answered, and all is well again soon after.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use keybroker_tests::{Answer, Asks as _, Connection, b64, eventually, unb64};
use serde_json::json;

use crate::plant::Plant;

/// `call-ms-max` of [`Plant::breakable`].
const DEADLINE: Duration = Duration::from_millis(1_000);
/// A request may wait for its turn besides, and for a worker to come back.
const ANSWER_MAX: Duration = Duration::from_millis(1_000 + 1_000 + 500);
/// From the deadline of the call that met the fault.
const HEAL_MAX: Duration = Duration::from_secs(2);

/// A fault, how often in a row, and whether nobody may notice it.
const FAULTS: [(&str, u32, bool); 17] = [
    ("session-handle-invalid", 1, true),
    ("session-handle-invalid", 4, false),
    ("device-removed", 1, true),
    ("device-removed", 4, false),
    ("token-not-present", 1, true),
    ("token-not-present", 4, false),
    ("device-error", 1, true),
    ("device-error", 4, false),
    ("user-not-logged-in", 1, true),
    ("vendor", 1, true),
    ("vendor", 4, false),
    ("crash", 1, true),
    ("crash", 3, false),
    ("hang", 1, false),
    ("hang", 4, false),
    ("slow-ms:300", 2, true),
    ("slow-ms:1500", 1, false),
];
const FUNCTIONS: [&str; 4] = ["C_Decrypt", "C_Sign", "C_UnwrapKey", "C_WrapKey"];

struct Keys {
    aes: String,
    ec: String,
    rsa: String,
    wrapped_aes: Vec<u8>,
    wrapped_rsa: Vec<u8>,
}

impl Keys {
    fn make(admin: &Connection) -> Self {
        let (aes, rsa) = (admin.create("aes", "oct-HSM", 256), admin.create("rsa", "RSA-HSM", 2048));
        admin.post("/keys/ec/create", &json!({ "kty": "EC-HSM", "crv": "P-256" })).with_status(200);
        let value = |answer: Answer| unb64(&answer.with_status(200).json()["value"]);
        let wrapped_aes = value(admin.wrap(&aes, "A256KW", &[1; 32]));
        let wrapped_rsa = value(admin.wrap(&rsa, "RSA-OAEP-256", &[2; 32]));
        Self { aes, ec: "/keys/ec".into(), rsa, wrapped_aes, wrapped_rsa }
    }

    /// A request whose work needs this function of the module: true for the right answer, false for a clear refusal.
    fn ask(&self, client: &Connection, function: &str) -> bool {
        let digest = b64(&[5; 32]);
        let answer = match function {
            "C_Decrypt" => client.unwrap(&self.rsa, "RSA-OAEP-256", &self.wrapped_rsa),
            "C_Sign" => client.post(&format!("{}/sign", self.ec), &json!({ "alg": "ES256", "value": digest })),
            "C_UnwrapKey" => client.unwrap(&self.aes, "A256KW", &self.wrapped_aes),
            "C_WrapKey" => client.wrap(&self.aes, "A256KW", &[1; 32]),
            other => panic!("no request for {other}"),
        };
        if answer.status != 200 {
            assert!(matches!(answer.status, 503 | 504), "{function}: {} {}", answer.status, answer.message());
            return false;
        }
        let value = unb64(&answer.json()["value"]);
        match function {
            "C_Decrypt" => assert_eq!(value, [2; 32]),
            "C_Sign" => {
                let ask = json!({ "alg": "ES256", "digest": digest, "value": answer.json()["value"] });
                let verdict = client.post(&format!("{}/verify", self.ec), &ask).with_status(200).json();
                assert_eq!(verdict["value"], true);
            }
            "C_UnwrapKey" => assert_eq!(value, [1; 32]),
            _ => assert_eq!(value, self.wrapped_aes, "AES-KW is deterministic"),
        }
        true
    }
}

#[test]
fn every_fault_heals_within_two_seconds_of_the_deadline_with_every_request_answered() {
    let plant = Plant::breakable();
    let admin = plant.broker.admin().connect().unwrap();
    let keys = Keys::make(&admin);
    let soft = admin.create("soft", "oct", 256);
    let in_software = unb64(&admin.wrap(&soft, "A256KW", &[3; 32]).with_status(200).json()["value"]);
    let (stop, others, refused) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
    let pid = plant.broker.pid();
    std::thread::scope(|scope| {
        // Others at work meanwhile: each of their requests is answered in time, and other backends notice nothing.
        for function in ["C_UnwrapKey", "C_Decrypt"] {
            let (keys, plant, soft, in_software, stop, others, refused) =
                (&keys, &plant, &soft, &in_software, &stop, &others, &refused);
            scope.spawn(move || {
                let connection = plant.broker.admin().connect().unwrap();
                while !stop.load(Ordering::Relaxed) {
                    let began = Instant::now();
                    let well = keys.ask(&connection, function);
                    assert!(began.elapsed() < ANSWER_MAX, "{function}: answered after {:?}", began.elapsed());
                    let counter = if well { others } else { refused };
                    counter.fetch_add(1, Ordering::Relaxed);
                    connection.unwrap(soft, "A256KW", in_software).with_status(200);
                }
            });
        }
        let slowest = FAULTS.map(|fault| slowest_to_heal(&plant, &keys, &admin, fault));
        stop.store(true, Ordering::Relaxed);
        for ((fault, times, _), (answered, healed)) in FAULTS.iter().zip(slowest) {
            eprintln!("{fault:22} x{times}: answered within {answered:>8.1?}, well after {healed:>8.1?}");
        }
    });
    eprintln!("others meanwhile: {} served, {} refused", others.into_inner(), refused.into_inner());
    assert_eq!(plant.broker.pid(), pid);
    assert_eq!(plant.broker.page("/healthz").0, 200);
}

/// The longest that the request which met the fault took, and the longest until all requests were served again.
fn slowest_to_heal(plant: &Plant, keys: &Keys, admin: &Connection, fault: (&str, u32, bool)) -> (Duration, Duration) {
    let (fault, times, unnoticed) = fault;
    let (mut answered, mut healed) = (Duration::ZERO, Duration::ZERO);
    for function in FUNCTIONS {
        let told = format!("{function} {fault} {times}\n");
        plant.tell(&told);
        let began = Instant::now();
        let well = keys.ask(admin, function);
        let took = began.elapsed();
        assert!(took < ANSWER_MAX, "{fault} in {function}: answered after {took:?}");
        assert!(well || !unnoticed, "{fault} in {function}: the caller was refused");
        assert_ne!(plant.untold(), told, "{fault} in {function}: not met");
        // All of it is met, by whoever asks.
        eventually("the fault used up", || {
            keys.ask(admin, function);
            plant.untold().is_empty().then_some(())
        });
        let last = Instant::now();
        for function in FUNCTIONS {
            while !keys.ask(admin, function) {
                let since = last.elapsed();
                assert!(since < DEADLINE + HEAL_MAX, "{fault}: {function} is not well after {since:?}");
            }
        }
        (answered, healed) = (answered.max(took), healed.max(last.elapsed()));
    }
    (answered, healed)
}
