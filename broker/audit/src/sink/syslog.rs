//! One line as one syslog message (RFC 5424), counted in octets (RFC 6587 section 3.4.1, RFC 5425 section 4.3.1).

use std::io::Write as _;

/// Facility 13 (log audit), severity 6 (informational).
const PRIORITY: u8 = 13 * 8 + 6;
/// RFC 5424 section 6: a host name has at most 255 characters.
const HOST_BYTES_MAX: usize = 255;

/// Becomes the message's MSGID.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Checkpoint,
    Entry,
}

/// Whom messages are from.
pub struct Origin {
    host: String,
    process: u32,
}

impl Origin {
    pub fn here() -> Self {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let host: String = host.trim().chars().filter(char::is_ascii_graphic).take(HOST_BYTES_MAX).collect();
        Self { host: if host.is_empty() { "-".to_owned() } else { host }, process: std::process::id() }
    }

    /// Puts a message behind the others.
    pub fn frame(&self, kind: Kind, line: &[u8], frames: &mut Vec<u8>) {
        let id = match kind {
            Kind::Checkpoint => "checkpoint",
            Kind::Entry => "entry",
        };
        let head = format!("<{PRIORITY}>1 {} {} keybroker {} {id} - ", time(line), self.host, self.process);
        write!(frames, "{} {head}", head.len() + line.len()).expect("memory can be written");
        frames.extend_from_slice(line);
    }
}

/// The entry's own time, as it stands in its line; the nil value where there is none.
fn time(line: &[u8]) -> &str {
    const BEFORE: &[u8] = b",\"time\":\"";
    // Behind number and link; names that a caller chose come later.
    let begin = line.windows(BEFORE.len()).take(128).position(|window| window == BEFORE).map(|at| at + BEFORE.len());
    let time = begin.and_then(|begin| line.get(begin..begin + 24)).and_then(|bytes| std::str::from_utf8(bytes).ok());
    time.filter(|time| time.ends_with('Z') && time.as_bytes()[10] == b'T').unwrap_or("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_framed_by_its_length_and_bears_the_entrys_time() {
        let origin = Origin { host: "h".to_owned(), process: 7 };
        let line = format!(
            "{{\"seq\":1,\"prev\":\"{}\",\"time\":\"2023-11-14T22:13:20.123Z\",\"phase\":\"done\"}}",
            "0".repeat(64)
        );
        let mut frames = Vec::new();
        origin.frame(Kind::Entry, line.as_bytes(), &mut frames);
        origin.frame(Kind::Checkpoint, b"{}", &mut frames);
        let message = format!("<110>1 2023-11-14T22:13:20.123Z h keybroker 7 entry - {line}");
        let expected = format!("{} {message}38 <110>1 - h keybroker 7 checkpoint - {{}}", message.len());
        assert_eq!(String::from_utf8(frames).unwrap(), expected);
    }
}
