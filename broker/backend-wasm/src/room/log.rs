//! A guest's lines in the broker's log: few, harmless, and none after a secret was exposed.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::contract::log;

use super::Room;

/// Longest line; the rest is cut off.
const LINE_BYTES_MAX: usize = 512;
/// Lines of one plugin in any one second, all its calls together.
pub const LINES_A_SECOND_MAX: u32 = 200;

/// So many lines a second and no more: what a guest can cause, it can cause without end.
pub struct Lines {
    second: Mutex<(Instant, u32)>,
    most: u32,
}

impl Lines {
    #[must_use]
    pub fn of_a_second(most: u32) -> Self {
        Self { second: Mutex::new((Instant::now(), 0)), most }
    }

    /// Whether there is room for one more.
    pub fn admit(&self, now: Instant) -> bool {
        let (began, lines) = &mut *self.second.lock().unwrap_or_else(PoisonError::into_inner);
        if now.saturating_duration_since(*began) >= Duration::from_secs(1) {
            (*began, *lines) = (now, 0);
        }
        *lines = lines.saturating_add(1);
        *lines <= self.most
    }
}

impl log::Host for Room {
    fn write(&mut self, level: log::Level, message: String) -> wasmtime::Result<()> {
        let too_many = self.log_lines >= self.shared.limits.log_lines_max;
        if self.exposed || too_many || !self.shared.lines.admit(Instant::now()) {
            self.shared.counters.log_lines_dropped.add();
            return Ok(());
        }
        self.log_lines += 1;
        let (plugin, verb) = (&self.shared.plugin, self.frame.verb.word());
        let line = one_line(&message);
        match level {
            log::Level::Debug => tracing::debug!(target: "plugin", %plugin, verb, line),
            log::Level::Info => tracing::info!(target: "plugin", %plugin, verb, line),
            log::Level::Warn => tracing::warn!(target: "plugin", %plugin, verb, line),
        }
        Ok(())
    }
}

/// A stranger's text as one harmless line: control characters, quotes and all beyond ASCII escaped, at most
/// [`LINE_BYTES_MAX`] bytes of the text.
pub fn one_line(text: &str) -> String {
    let end = text.floor_char_boundary(LINE_BYTES_MAX);
    text[..end].escape_default().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guests_line_cannot_pose_as_another_line() {
        assert_eq!(one_line("a\n\u{1b}[31m\r\0\u{202e}b"), "a\\n\\u{1b}[31m\\r\\u{0}\\u{202e}b");
    }

    #[test]
    fn a_second_has_so_many_lines_and_the_next_as_many_again() {
        let (lines, now) = (Lines::of_a_second(LINES_A_SECOND_MAX), Instant::now());
        assert!((0..LINES_A_SECOND_MAX).all(|_| lines.admit(now)));
        assert!(!lines.admit(now) && !lines.admit(now + Duration::from_millis(900)));
        assert!(lines.admit(now + Duration::from_millis(1_900)));
    }

    #[test]
    fn a_long_line_is_cut_between_characters() {
        let line = one_line(&"ä".repeat(1_000));
        assert_eq!(line.matches("\\u{e4}").count(), LINE_BYTES_MAX / 2);
    }
}
