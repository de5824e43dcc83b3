//! KMIP from outside: the OASIS cases, and what an answer may differ in.

pub mod case;
pub mod compare;
pub mod payload;
