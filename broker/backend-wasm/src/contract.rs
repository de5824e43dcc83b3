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

/// What guests of `wasi:http` import for its types.
pub const MONOTONIC_CLOCK: &str = "wasi:clocks/monotonic-clock@0.2.12";

/// What of WASI goes with `http`, for guests that ordinary tools make: one world, whose requests go the way of ours.
pub mod outgoing {
    wasmtime::component::bindgen!({
        path: "wasi",
        world: "outgoing",
        imports: {
            "wasi:io/poll.[method]pollable.block": async | trappable,
            "wasi:io/poll.poll": async | trappable,
            default: trappable,
        },
        with: {
            "wasi:http/types.fields": crate::room::wasi::Fields,
            "wasi:http/types.future-incoming-response": crate::room::wasi::Coming,
            "wasi:http/types.future-trailers": crate::room::wasi::NoTrailers,
            "wasi:http/types.incoming-body": crate::room::wasi::Received,
            "wasi:http/types.incoming-request": crate::room::wasi::Never,
            "wasi:http/types.incoming-response": crate::room::wasi::Arrived,
            "wasi:http/types.outgoing-body": crate::room::wasi::Body,
            "wasi:http/types.outgoing-request": crate::room::wasi::Request,
            "wasi:http/types.outgoing-response": crate::room::wasi::Never,
            "wasi:http/types.request-options": crate::room::wasi::Options,
            "wasi:http/types.response-outparam": crate::room::wasi::Never,
            "wasi:io/error.error": crate::room::wasi::TooMuch,
            "wasi:io/poll.pollable": crate::room::wasi::Pollable,
            "wasi:io/streams.input-stream": crate::room::wasi::Input,
            "wasi:io/streams.output-stream": crate::room::wasi::Output,
        },
    });

    pub use wasi::http::{outgoing_handler, types};
    pub use wasi::io::{error, poll, streams};
}
