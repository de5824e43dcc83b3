//! KMIP through the real binary over mutual TLS: the OASIS cases, PyKMIP, a vCenter's conversation, and bytes that mean harm.
#![allow(clippy::unwrap_used)]

#[path = "../kmip_door/desk.rs"]
#[allow(dead_code)] // what the listener's own tests need beside
mod desk;
mod hostile;
mod oasis;
mod permissions;
mod pykmip;
mod vsphere;
