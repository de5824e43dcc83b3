//! Looks for a secret in all memory of a running process, in every form in which a broker handles one, whole or in part.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// How much is read at once, in bytes.
const CHUNK_BYTES: usize = 1 << 20;
const PAGE_BYTES: usize = 4096;

/// So many bytes of a form in a row are a find: too many for chance, few enough that half a copy, whose other half was
/// overwritten, is found too.
const PART_BYTES: usize = 12;
/// Parts begin so far from each other, in bytes: of 16 bytes in a row that are left, one part is whole.
const STEP_BYTES: usize = 4;

/// Parts of one copy stand closer together than this, in bytes.
const COPY_BYTES: u64 = 96;

/// Kernel's pages that nobody can read through `/proc/PID/mem`.
const UNREADABLE: [&str; 3] = ["[vvar]", "[vvar_vclock]", "[vsyscall]"];

/// What to look for, under the name that a find is told by.
pub struct Wanted {
    pub name: &'static str,
    pub secret: Vec<u8>,
}

/// How many copies were found: of what, in which form, in which kind of memory.
#[derive(Default, Debug, PartialEq, Eq)]
pub struct Copies(pub BTreeMap<(&'static str, &'static str, String), usize>);

impl Copies {
    pub fn of(&self, name: &str) -> usize {
        self.0.iter().filter(|((of, _, _), _)| *of == name).map(|(_, count)| count).sum()
    }
}

impl fmt::Display for Copies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for ((name, form, place), count) in &self.0 {
            writeln!(f, "{count:6} of {name}, {form}, in {place}")?;
        }
        Ok(())
    }
}

struct Part {
    name: &'static str,
    form: &'static str,
    bytes: Vec<u8>,
}

/// The forms: raw, base64 of both alphabets in each of the three ways it can fall, and hexadecimal of both cases.
fn parts(wanted: &Wanted) -> Vec<Part> {
    let secret = wanted.secret.as_slice();
    let hex = |upper: bool| -> String {
        let digits = |byte: &u8| if upper { format!("{byte:02X}") } else { format!("{byte:02x}") };
        secret.iter().map(digits).collect()
    };
    let mut forms = vec![
        ("raw", secret.to_vec()),
        ("hexadecimal", hex(false).into_bytes()),
        ("hexadecimal", hex(true).into_bytes()),
    ];
    for before in 0..3 {
        // Without the characters that say something of the neighbours, too.
        let text = [&vec![0; before], secret].concat();
        let whole = (secret.len() + before) / 3 * 4;
        let from = (before * 8).div_ceil(6);
        forms.push(("base64url", URL_SAFE_NO_PAD.encode(&text).as_bytes()[from..whole].to_vec()));
        forms.push(("base64", STANDARD_NO_PAD.encode(&text).as_bytes()[from..whole].to_vec()));
    }
    let mut parts = Vec::new();
    for (form, bytes) in forms {
        let length = PART_BYTES.min(bytes.len());
        // The last part ends where the form does.
        let starts = (0..=bytes.len() - length).step_by(STEP_BYTES).chain([bytes.len() - length]);
        for start in starts {
            let bytes = bytes[start..start + length].to_vec();
            if !parts.iter().any(|part: &Part| part.bytes == bytes) {
                parts.push(Part { name: wanted.name, form, bytes });
            }
        }
    }
    parts
}

/// A readable mapping: from, to, what it is.
fn mappings(pid: u32) -> Vec<(u64, u64, String)> {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    let row = |line: &str| {
        let mut words = line.split_whitespace();
        let (range, rights) = (words.next()?, words.next()?);
        let place = words.nth(3).unwrap_or("anonymous memory").to_owned();
        let (from, to) = range.split_once('-')?;
        let address = |text| u64::from_str_radix(text, 16).ok();
        let readable = rights.starts_with('r') && !UNREADABLE.contains(&place.as_str());
        readable.then_some((address(from)?, address(to)?, place))
    };
    maps.lines().filter_map(row).collect()
}

/// Reads every readable mapping of a process and counts the copies.
///
/// # Panics
/// The process's memory cannot be read: that takes CAP_SYS_PTRACE when the process may not be dumped.
pub fn copies(pid: u32, wanted: &[Wanted]) -> Copies {
    let parts: Vec<Part> = wanted.iter().flat_map(parts).collect();
    let mut begins = vec![Vec::new(); 1 << 16];
    for (index, part) in parts.iter().enumerate() {
        begins[usize::from(u16::from_le_bytes([part.bytes[0], part.bytes[1]]))].push(index);
    }
    let memory = File::open(format!("/proc/{pid}/mem")).expect("root, or CAP_SYS_PTRACE, reads the broker's memory");
    let (mut found, mut last) = (Copies::default(), BTreeMap::new());
    let mut read_bytes = 0;
    for (from, to, place) in mappings(pid) {
        let mut at = from;
        while at < to {
            // One part more than is walked over, so that none falls between two chunks.
            let want = usize::try_from(to - at).unwrap().min(CHUNK_BYTES + PART_BYTES);
            let mut bytes = vec![0; want];
            // It was unmapped meanwhile, or is a device's.
            let Ok(()) = memory.read_exact_at(&mut bytes, at) else { break };
            read_bytes += want;
            let mut see = |offset: usize, part: &Part| {
                let key = (part.name, part.form, place.clone());
                let here = at + offset as u64;
                let before = last.insert(key.clone(), here);
                if before.is_none_or(|before| here - before > COPY_BYTES) {
                    *found.0.entry(key).or_default() += 1;
                }
            };
            walk(&bytes, &begins, &parts, &mut see);
            at += CHUNK_BYTES as u64;
        }
    }
    assert!(read_bytes > 1 << 20, "hardly any memory of {pid} could be read");
    found
}

fn walk<'a>(bytes: &[u8], begins: &[Vec<usize>], parts: &'a [Part], see: &mut impl FnMut(usize, &'a Part)) {
    let nothing = [0; PAGE_BYTES];
    let mut at = 0;
    while at + 2 <= bytes.len() {
        // Most of it was never touched.
        if bytes[at..].starts_with(&nothing) {
            at += PAGE_BYTES - PART_BYTES;
        }
        for index in &begins[usize::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]))] {
            let part = &parts[*index];
            if bytes[at..].starts_with(&part.bytes) {
                see(at, part);
            }
        }
        at += 1;
    }
}
