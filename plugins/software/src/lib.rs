//! The default backend: keys kept in software, all cryptography done by the host on handles; never sees a secret byte.
// `export!` writes the raw exports the component model asks for; nothing written by hand here is unsafe.
#![allow(unsafe_code)]

use keybroker_sdk::{Backend, Description, handles};

struct Software;

impl Backend for Software {
    fn describe() -> Description {
        handles::describe("software", env!("CARGO_PKG_VERSION"))
    }
}

keybroker_sdk::export!(Software);
