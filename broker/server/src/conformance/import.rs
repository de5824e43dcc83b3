//! Known answers: with a key that is known, a value that was published must open, and what is wrapped must be it.

use broker_core::algorithm::{KeySpec, WrapAlgorithm, WrapExtras};
use broker_core::imported::ImportedKey;
use broker_core::secret::Secret;

use super::subject::{Subject, told};
use super::{Answer, Asking, Row};

/// A published value. The same is wrapped again where the algorithm leaves nothing to chance.
struct Known {
    source: &'static str,
    algorithm: WrapAlgorithm,
    spec: KeySpec,
    key: &'static [u8],
    secret: &'static [u8],
    value: &'static [u8],
    iv: &'static [u8],
    tag: &'static [u8],
}

const BYTES: [u8; 32] = {
    let mut bytes = [0; 32];
    let mut place = 0;
    while place < 32 {
        bytes[place] = place as u8;
        place += 1;
    }
    bytes
};

const KNOWN: [Known; 3] = [
    Known {
        source: "RFC 3394 section 4.1",
        algorithm: WrapAlgorithm::A128Kw,
        spec: KeySpec::Oct128,
        key: BYTES.split_at(16).0,
        secret: &[0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xAA, 0xBB, 0xCC, 0xDD, 0xEE, 0xFF],
        value: &[
            0x1F, 0xA6, 0x8B, 0x0A, 0x81, 0x12, 0xB4, 0x47, 0xAE, 0xF3, 0x4B, 0xD8, 0xFB, 0x5A, 0x7B, 0x82, 0x9D, 0x3E,
            0x86, 0x23, 0x71, 0xD2, 0xCF, 0xE5,
        ],
        iv: &[],
        tag: &[],
    },
    Known {
        source: "RFC 3394 section 4.6",
        algorithm: WrapAlgorithm::A256Kw,
        spec: KeySpec::Oct256,
        key: &BYTES,
        secret: &[
            0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xAA, 0xBB, 0xCC, 0xDD, 0xEE, 0xFF, 0x00, 0x01,
            0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0A, 0x0B, 0x0C, 0x0D, 0x0E, 0x0F,
        ],
        value: &[
            0x28, 0xC9, 0xF4, 0x04, 0xC4, 0xB8, 0x10, 0xF4, 0xCB, 0xCC, 0xB3, 0x5C, 0xFB, 0x87, 0xF8, 0x26, 0x3F, 0x57,
            0x86, 0xE2, 0xD8, 0x0E, 0xD3, 0x26, 0xCB, 0xC7, 0xF0, 0xE7, 0x1A, 0x99, 0xF4, 0x3B, 0xFB, 0x98, 0x8B, 0x9B,
            0x7A, 0x02, 0xDD, 0x21,
        ],
        iv: &[],
        tag: &[],
    },
    Known {
        source: "The Galois/Counter Mode of Operation (McGrew, Viega), test case 14",
        algorithm: WrapAlgorithm::A256Gcm,
        spec: KeySpec::Oct256,
        key: &[0; 32],
        secret: &[0; 16],
        value: &[0xCE, 0xA7, 0x40, 0x3D, 0x4D, 0x60, 0x6B, 0x6E, 0x07, 0x4E, 0xC5, 0xD3, 0xBA, 0xF3, 0x9D, 0x18],
        iv: &[0; 12],
        tag: &[0xD0, 0xD1, 0xC8, 0xA7, 0x99, 0x99, 0x6B, 0xF0, 0x26, 0x5B, 0x98, 0xB5, 0xD4, 0x8A, 0xB9, 0x19],
    },
];

pub async fn ask<F: FnMut(&Row)>(subject: &Subject, asking: &mut Asking<F>) {
    for known in &KNOWN {
        if !subject.wraps().contains(&known.algorithm) || !subject.specs().contains(&known.spec) {
            continue;
        }
        let question = format!("{} under {}: the known answer of {}", known.algorithm, known.spec, known.source);
        asking.answer(question, answer(subject, known).await.unwrap_or_else(Answer::Failed));
    }
}

async fn answer(subject: &Subject, known: &Known) -> Result<Answer, String> {
    let Some(key) = subject.import(known.spec, ImportedKey::Oct(Secret::copied_from(known.key))).await? else {
        return Ok(Answer::NotAsked(format!("it does not import {}", known.spec)));
    };
    let extras = WrapExtras { iv: known.iv.to_vec(), aad: Vec::new(), tag: known.tag.to_vec() };
    let opened = subject.unwrap(&key, known.algorithm, known.value, &extras).await;
    let opened = opened.map_err(|failure| format!("unwrap-key: {}", told(&failure)))?;
    if opened.expose() != known.secret {
        return Err("it opens to another secret than was published".to_owned());
    }
    // The host draws GCM's IV.
    if known.algorithm != WrapAlgorithm::A256Gcm {
        let wrapped = subject.wrap(&key, known.algorithm, known.secret, &WrapExtras::default()).await;
        let wrapped = wrapped.map_err(|failure| format!("wrap-key: {}", told(&failure)))?;
        if wrapped.value != known.value {
            return Err("it wraps to another value than was published".to_owned());
        }
    }
    Ok(Answer::Passed)
}
