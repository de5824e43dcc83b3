//! KMIP through the real binary over mutual TLS: the OASIS cases, PyKMIP, a vCenter's conversation, and bytes that mean harm.
#![allow(clippy::unwrap_used)]

mod hostile;
mod oasis;
mod permissions;
mod pykmip;
mod vsphere;
