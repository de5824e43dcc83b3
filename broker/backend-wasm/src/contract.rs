//! The contract with guests as Rust sees it, made of `wit/` by the compiler, so that the two cannot differ.
//!
//! One module a published version. The next one gets its own here, and its words are translated to the same room.

// Exports and the imports that may take long are async; every import may trap, for that is how a limit ends a call.
wasmtime::component::bindgen!({
    path: "../../wit/0.1.0",
    world: "full-backend",
    imports: {
        "keybroker:backend/credentials.send": async | trappable,
        "keybroker:backend/crypto.generate": async | trappable,
        "keybroker:backend/crypto.import-secret": async | trappable,
        "keybroker:backend/delegate.check": async | trappable,
        "keybroker:backend/delegate.unwrap": async | trappable,
        "keybroker:backend/delegate.wrap": async | trappable,
        "keybroker:backend/http.send": async | trappable,
        "keybroker:backend/keyvalue.commit": async | trappable,
        "keybroker:backend/roots.export-root": async | trappable,
        "keybroker:backend/roots.import-root": async | trappable,
        default: trappable,
    },
    exports: { default: async },
    with: {
        "keybroker:backend/crypto.key": crate::room::HeldKey,
        "keybroker:backend/crypto.secret": broker_core::secret::Secret,
        "keybroker:backend/roots.root": crate::room::Root,
    },
});

/// What a backend may export beside `keys`.
pub mod backing_up {
    wasmtime::component::bindgen!({
        path: "../../wit/0.1.0",
        world: "with-backup",
        exports: { default: async },
        with: {
            "keybroker:backend/crypto": crate::contract::crypto,
            "keybroker:backend/types": crate::contract::types,
        },
    });
}

pub use exports::keybroker::backend::keys::{Description, Generated};
pub use keybroker::backend::{
    clock, credentials, crypto, delegate, http, keyvalue, log, reveal, roots, settings, types,
};

/// What a component must export.
pub const KEYS: &str = "keybroker:backend/keys@0.1.0";
/// What it may export.
pub const BACKUP: &str = "keybroker:backend/backup@0.1.0";
