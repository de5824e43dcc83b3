//! A guest's lines in the broker's log.

use crate::contract::log;

use super::Room;

/// Longest line; the rest is cut off.
const LINE_BYTES_MAX: usize = 512;

impl log::Host for Room {
    fn write(&mut self, level: log::Level, message: String) -> wasmtime::Result<()> {
        if self.log_lines >= self.shared.limits.log_lines_max {
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
    fn a_long_line_is_cut_between_characters() {
        let line = one_line(&"ä".repeat(1_000));
        assert_eq!(line.matches("\\u{e4}").count(), LINE_BYTES_MAX / 2);
    }
}
