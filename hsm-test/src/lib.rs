//! Asks any PKCS#11 module the same questions, each in a process of its own, and never takes the module's word for it.
//!
//! The process that asks ([`Asker`]) never loads the module: it starts a child for each question ([`answer`]), so that a
//! module that crashes, hangs or corrupts memory gives a row of the report and no more. Answers are compared with the
//! test vectors of the standards or checked by the broker's own cryptography.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod ask;
pub mod bare;
mod child;
mod compare;
mod desk;
mod kill;
mod order;
mod question;
mod report;
mod token;

pub use ask::{AskError, Asker, ChildCommand};
pub use child::answer;
pub use compare::{disagreements, markdown};
pub use order::{PinSource, Which};
pub use report::{Answer, Facts, Report, Row};
pub use token::{FreshToken, Token};

/// Every question's name, in the order they are asked.
pub fn names() -> impl Iterator<Item = &'static str> {
    question::names().chain(kill::QUESTIONS.iter().map(|(name, _)| *name))
}
