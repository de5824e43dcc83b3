//! A subject that inputs leave something behind in, made anew before that is too much.

use std::sync::{Mutex, PoisonError};

/// Inputs that one subject takes. Few enough that a fault can be had again from the inputs of one renewal.
const INPUTS_MAX: u32 = 500;

pub struct Renewed<T> {
    make: fn() -> T,
    held: Mutex<Option<(T, u32)>>,
}

impl<T> Renewed<T> {
    pub const fn new(make: fn() -> T) -> Self {
        Self { make, held: Mutex::new(None) }
    }

    pub fn with<R>(&self, act: impl FnOnce(&T) -> R) -> R {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.as_ref().is_some_and(|(_, inputs)| *inputs >= INPUTS_MAX) {
            *held = None;
        }
        let (subject, inputs) = held.get_or_insert_with(|| ((self.make)(), 0));
        *inputs += 1;
        act(subject)
    }
}
