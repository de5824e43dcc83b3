//! The backend contract for guests written in Rust, with the ordinary way to serve it; never sees a secret byte.
// The generated bindings cross the border to the host with raw pointers; nothing written by hand here does.
#![allow(unsafe_code)]

wit_bindgen::generate!({
    path: "../../wit",
    world: "backend",
    pub_export_macro: true,
    default_bindings_module: "keybroker_sdk",
});

pub mod handles;

pub use exports::keybroker::backend::keys::{Description, Generated, Guest};
pub use keybroker::backend::{crypto, log, types};
