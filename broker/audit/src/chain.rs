//! The chain: each line names the SHA-256 of the line before it, so no line can change without all that follow.

use std::fmt;
use std::io::Write as _;

use broker_crypto::digest::sha256;
use serde::{Deserialize, Serialize};

/// SHA-256 over the bytes of a line, without its line end.
pub type Digest = [u8; 32];

/// What makes a log another log: 16 random bytes, drawn when it is made.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct LogId(pub [u8; 16]);

impl LogId {
    /// What the first line of all names as the line before it.
    #[must_use]
    pub fn genesis(self) -> Digest {
        sha256(self.to_string().as_bytes())
    }

    /// 32 lower-case hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        unhex(text.as_bytes()).map(Self)
    }
}

impl fmt::Display for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The end of a chain: the last entry's number (0: none yet), and the digest of the last line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    pub sequence: u64,
    pub digest: Digest,
}

impl Head {
    /// Makes a line of a body (as `line::encode` gives it), puts it behind the others, and moves on to it.
    pub fn append(&mut self, body: &[u8], lines: &mut Vec<u8>) {
        let start = lines.len();
        self.sequence += 1;
        write!(lines, "{{\"seq\":{},\"prev\":\"", self.sequence).expect("writing to memory cannot fail");
        lines.extend_from_slice(&hex_digits(&self.digest));
        lines.extend_from_slice(b"\",");
        lines.extend_from_slice(body);
        self.digest = sha256(&lines[start..]);
        lines.push(b'\n');
    }
}

/// What an entry's line says of its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    pub sequence: u64,
    pub previous: Digest,
}

impl Link {
    /// Reads the beginning of a line; none when it is no entry's.
    #[must_use]
    pub fn of(line: &[u8]) -> Option<Self> {
        let rest = line.strip_prefix(b"{\"seq\":")?;
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits == 0 || digits > 20 || (rest[0] == b'0' && digits > 1) {
            return None;
        }
        let sequence = std::str::from_utf8(&rest[..digits]).ok()?.parse().ok()?;
        let rest = rest[digits..].strip_prefix(b",\"prev\":\"")?;
        let (previous, rest) = rest.split_at_checked(64)?;
        rest.starts_with(b"\",").then_some(())?;
        Some(Self { sequence, previous: unhex(previous)? })
    }
}

/// The first line of a segment. It is a link of the chain like any other, without a number of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    r#type: HeaderType,
    format: u32,
    log: String,
    pub segment: u32,
    /// The number that the segment's first entry has.
    pub first: u64,
    prev: String,
    /// The oldest segment that holds an intent whose outcome was not written when this segment began.
    pub intents_from: u32,
    time: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum HeaderType {
    #[serde(rename = "segment")]
    Segment,
}

const FORMAT: u32 = 1;

impl Header {
    #[must_use]
    pub fn new(log: LogId, segment: u32, head: &Head, intents_from: u32, time: String) -> Self {
        let (first, prev) = (head.sequence + 1, hex(&head.digest));
        Self {
            r#type: HeaderType::Segment,
            format: FORMAT,
            log: log.to_string(),
            segment,
            first,
            prev,
            intents_from,
            time,
        }
    }

    /// The line, without its end.
    #[must_use]
    pub fn line(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("numbers and text are always JSON")
    }

    #[must_use]
    pub fn parse(line: &[u8]) -> Option<Self> {
        let header: Self = serde_json::from_slice(line).ok()?;
        (header.format == FORMAT && header.log().is_some() && header.previous().is_some()).then_some(header)
    }

    #[must_use]
    pub fn log(&self) -> Option<LogId> {
        LogId::parse(&self.log)
    }

    #[must_use]
    pub fn previous(&self) -> Option<Digest> {
        unhex(self.prev.as_bytes())
    }
}

/// Lower-case hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}

const DIGITS: &[u8; 16] = b"0123456789abcdef";

fn hex_digits(digest: &Digest) -> [u8; 64] {
    let mut digits = [0; 64];
    for (pair, byte) in digits.chunks_exact_mut(2).zip(digest) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    digits
}

/// `N` bytes from `2 N` lower-case hexadecimal digits; none for anything else.
#[must_use]
pub fn unhex<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    if digits.len() != 2 * N {
        return None;
    }
    let value = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = value(pair[0])? << 4 | value(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_where_it_stands_and_the_next_one_names_its_digest() {
        let mut head = Head { sequence: 0, digest: LogId([1; 16]).genesis() };
        let (genesis, mut lines) = (head.digest, Vec::new());
        head.append(b"\"time\":1}", &mut lines);
        head.append(b"\"time\":2}", &mut lines);
        let lines: Vec<_> = lines.split(|byte| *byte == b'\n').collect();
        assert_eq!(Link::of(lines[0]), Some(Link { sequence: 1, previous: genesis }));
        assert_eq!(Link::of(lines[1]), Some(Link { sequence: 2, previous: sha256(lines[0]) }));
        assert_eq!(head, Head { sequence: 2, digest: sha256(lines[1]) });
    }

    #[test]
    fn what_is_no_entry_has_no_place() {
        let digest = "ab".repeat(32);
        assert!(Link::of(format!("{{\"seq\":1,\"prev\":\"{digest}\",\"a\":1}}").as_bytes()).is_some());
        for bad in [
            String::new(),
            format!("{{\"seq\":,\"prev\":\"{digest}\",\"a\":1}}"),
            format!("{{\"seq\":01,\"prev\":\"{digest}\",\"a\":1}}"),
            format!("{{\"seq\":99999999999999999999,\"prev\":\"{digest}\",\"a\":1}}"),
            format!("{{\"seq\":1,\"prev\":\"{}\",\"a\":1}}", digest.to_uppercase()),
            format!("{{\"seq\":1,\"prev\":\"{}\",\"a\":1}}", &digest[1..]),
            format!("{{\"seq\":1,\"prev\":\"{digest}\""),
        ] {
            assert_eq!(Link::of(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn a_header_survives_its_line_and_another_format_is_refused() {
        let head = Head { sequence: 7, digest: [3; 32] };
        let header = Header::new(LogId([9; 16]), 2, &head, 1, "t".to_owned());
        assert_eq!(Header::parse(&header.line()).as_ref(), Some(&header));
        assert_eq!((header.first, header.previous(), header.log()), (8, Some([3; 32]), Some(LogId([9; 16]))));
        let other = String::from_utf8(header.line()).unwrap().replace("\"format\":1", "\"format\":2");
        assert_eq!(Header::parse(other.as_bytes()), None);
    }

    #[test]
    #[ignore = "a figure of the release build"]
    fn a_link_costs_the_writer_less_than_two_microseconds() {
        let (body, rounds) = ([b'x'; 640], 200_000_u32);
        let (mut head, mut lines) = (Head { sequence: 0, digest: [0; 32] }, Vec::with_capacity(1 << 20));
        let began = std::time::Instant::now();
        for round in 0..rounds {
            if round % 1000 == 0 {
                lines.clear();
            }
            head.append(&body, &mut lines);
        }
        let each = began.elapsed() / rounds;
        eprintln!("{each:?} for each entry");
        assert!(each < std::time::Duration::from_micros(2));
    }
}
