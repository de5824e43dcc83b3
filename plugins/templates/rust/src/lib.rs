//! A backend that wraps with AES under keys that the host holds: this plugin never sees a key or a secret.
//!
//! What each function promises stands in wit/0.1.0/keys.wit. Functions that are not written here do what the host can do
//! on handles (kit/sdk/src/handles.rs).

use keybroker_sdk::types::{Error, KeyContext, KeySpec, WrapAlgorithm};
use keybroker_sdk::{Backend, Description, Generated, handles};

struct Plugin;

impl Backend for Plugin {
    fn describe() -> Description {
        Description {
            name: env!("CARGO_PKG_NAME").into(),
            version: env!("CARGO_PKG_VERSION").into(),
            key_specs: vec![KeySpec::Oct128, KeySpec::Oct256],
            wrap_algorithms: vec![
                WrapAlgorithm::A128Kw,
                WrapAlgorithm::A256Kw,
                WrapAlgorithm::A128Kwp,
                WrapAlgorithm::A256Kwp,
                WrapAlgorithm::A256Gcm,
            ],
            sign_algorithms: vec![],
            backup_first: false,
        }
    }

    fn generate_key(spec: KeySpec, _context: &KeyContext) -> Result<Generated, Error> {
        match spec {
            KeySpec::Oct128 | KeySpec::Oct256 => handles::generate_key(spec),
            _ => Err(Error::Unsupported),
        }
    }
}

keybroker_sdk::export!(Plugin);
