//! The vectors as they stand in the files.

use std::path::Path;

use broker_core::algorithm::{KeySpec, PublicKey};
use broker_core::imported::{ImportedKey, RsaNumbers};
use broker_core::secret::Secret;
use serde::Deserialize;
use serde::de::Deserializer;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    test_groups: Vec<Group>,
}

/// Vectors that share a key or a size.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Group {
    /// In bits.
    pub key_size: Option<u32>,
    pub iv_size: Option<u32>,
    pub private_key: Option<PrivateNumbers>,
    pub public_key: Option<PublicNumbers>,
    pub tests: Vec<Vector>,
}

/// A vector; what its kind has no use for is empty.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Vector {
    pub tc_id: u32,
    #[serde(default)]
    pub key: Bytes,
    #[serde(default)]
    pub iv: Bytes,
    #[serde(default)]
    pub aad: Bytes,
    #[serde(default)]
    pub label: Bytes,
    pub msg: Bytes,
    #[serde(default)]
    pub ct: Bytes,
    #[serde(default)]
    pub tag: Bytes,
    #[serde(default)]
    pub sig: Bytes,
    pub result: Verdict,
}

/// `Acceptable`: implementations may differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Acceptable,
    Invalid,
    Valid,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PrivateNumbers {
    modulus: Bytes,
    public_exponent: Bytes,
    private_exponent: Bytes,
    prime1: Bytes,
    prime2: Bytes,
    exponent1: Bytes,
    exponent2: Bytes,
    coefficient: Bytes,
}

#[derive(Deserialize)]
#[serde(untagged)]
pub enum PublicNumbers {
    Ec {
        wx: Bytes,
        wy: Bytes,
    },
    #[serde(rename_all = "camelCase")]
    Rsa {
        modulus: Bytes,
        public_exponent: Bytes,
    },
}

/// Written in hexadecimal.
#[derive(Default)]
pub struct Bytes(pub Vec<u8>);

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        assert!(text.len() % 2 == 0, "{text}");
        Ok(Self((0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()))
    }
}

impl PrivateNumbers {
    /// As a caller would import it.
    pub fn imported(&self) -> ImportedKey {
        let secret = |number: &Bytes| Secret::copied_from(&number.0);
        ImportedKey::Rsa(Box::new(RsaNumbers {
            n: self.modulus.0.clone(),
            e: self.public_exponent.0.clone(),
            d: secret(&self.private_exponent),
            p: secret(&self.prime1),
            q: secret(&self.prime2),
            dp: secret(&self.exponent1),
            dq: secret(&self.exponent2),
            qi: secret(&self.coefficient),
        }))
    }
}

impl PublicNumbers {
    /// The coordinates brought to the field's size: the files write them like any signed number.
    pub fn public_key(&self, spec: KeySpec) -> PublicKey {
        match self {
            Self::Ec { wx, wy } => PublicKey::Ec { x: padded(&wx.0, spec), y: padded(&wy.0, spec) },
            Self::Rsa { modulus, public_exponent } => {
                PublicKey::Rsa { n: modulus.0.clone(), e: public_exponent.0.clone() }
            }
        }
    }
}

fn padded(number: &[u8], spec: KeySpec) -> Vec<u8> {
    let bytes = spec.bits().div_ceil(8) as usize;
    let number = &number[number.iter().take_while(|byte| **byte == 0).count()..];
    [vec![0; bytes - number.len()], number.to_vec()].concat()
}

/// The groups of a set.
pub fn groups(set: &str) -> Vec<Group> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wycheproof").join(set).with_extension("json");
    let file: File = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    file.test_groups
}
