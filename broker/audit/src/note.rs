//! Signed notes (C2SP signed-note, version 1.0.0): text, a blank line, a line for each signature.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use broker_crypto::digest::sha256;
use broker_crypto::{CryptoError, sign};

/// The type byte of Ed25519 in verifier keys and key ids.
const ED25519: u8 = 1;
const DASH: &str = "\u{2014} ";

/// A name and the first bytes of SHA-256 over name, line feed, type and key: tells signatures of different keys apart.
type KeyId = [u8; 4];

/// Signs notes.
pub struct Signer {
    name: String,
    key: sign::SigningKey,
}

impl Signer {
    /// The name may hold no space and no plus sign.
    #[must_use]
    pub fn new(name: String, key: sign::SigningKey) -> Self {
        debug_assert!(well_named(&name), "{name}");
        Self { name, key }
    }

    #[must_use]
    pub fn verifier(&self) -> Verifier {
        Verifier { name: self.name.clone(), key: self.key.public_key() }
    }

    /// The text, which ends in a line feed and has no blank line, with our signature under it.
    ///
    /// # Errors
    /// `Internal` when the library fails.
    pub fn sign(&self, text: &str) -> Result<String, CryptoError> {
        let mut signature = self.verifier().id().to_vec();
        signature.extend_from_slice(&self.key.sign(text.as_bytes())?);
        Ok(format!("{text}\n{DASH}{} {}\n", self.name, STANDARD.encode(signature)))
    }
}

/// A public key with its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verifier {
    name: String,
    key: [u8; sign::KEY_BYTES],
}

impl Verifier {
    /// From a verifier key, `name+id+key`, as `audit.pub` holds it; none when it is not one of Ed25519.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim_end().splitn(3, '+');
        let (name, id, key) = (parts.next()?, parts.next()?, STANDARD.decode(parts.next()?).ok()?);
        let key = key.strip_prefix(&[ED25519])?.try_into().ok()?;
        let verifier = Self { name: name.to_owned(), key };
        (well_named(name) && crate::chain::unhex(id.as_bytes()) == Some(verifier.id())).then_some(verifier)
    }

    #[must_use]
    pub fn text(&self) -> String {
        let key: Vec<u8> = [&[ED25519], &self.key[..]].concat();
        format!("{}+{}+{}", self.name, crate::chain::hex(&self.id()), STANDARD.encode(key))
    }

    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    fn id(&self) -> KeyId {
        let digest = sha256(&[self.name.as_bytes(), b"\n", &[ED25519], &self.key].concat());
        [digest[0], digest[1], digest[2], digest[3]]
    }

    /// Whether the note has a signature by this key, and none by it that is wrong.
    #[must_use]
    pub fn signed(&self, note: &Note) -> bool {
        let id = self.id();
        let ours: Vec<_> = note.signatures.iter().filter(|one| one.name == self.name && one.id == id).collect();
        !ours.is_empty() && ours.iter().all(|one| sign::verify(&self.key, note.text.as_bytes(), &one.bytes))
    }
}

fn well_named(name: &str) -> bool {
    !name.is_empty() && !name.contains(|letter: char| letter.is_whitespace() || letter == '+')
}

/// A note as it was read; its signatures are not checked yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// What was signed, its last line feed too.
    pub text: String,
    signatures: Vec<Signature>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Signature {
    name: String,
    id: KeyId,
    bytes: Vec<u8>,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|one| {
            let bytes: Vec<u8> = [&one.id, &one.bytes[..]].concat();
            writeln!(f, "{DASH}{} {}", one.name, STANDARD.encode(bytes))
        })
    }
}

impl Note {
    /// Reads notes that stand one after the other with blank lines between them; none when anything else is among them.
    #[must_use]
    pub fn parse_all(text: &str) -> Option<Vec<Self>> {
        parse_all(text)
    }
}

fn parse_all(text: &str) -> Option<Vec<Note>> {
    let mut notes = Vec::new();
    let mut lines = text.split_inclusive('\n').peekable();
    while let Some(first) = lines.next() {
        if first == "\n" {
            continue;
        }
        let mut note = Note { text: first.to_owned(), signatures: Vec::new() };
        loop {
            match lines.next()? {
                "\n" => break,
                line => note.text.push_str(line),
            }
        }
        while let Some(line) = lines.next_if(|line| line.starts_with(DASH)) {
            note.signatures.push(signature(line)?);
        }
        if note.signatures.is_empty() {
            return None;
        }
        notes.push(note);
    }
    Some(notes)
}

fn signature(line: &str) -> Option<Signature> {
    let (name, bytes) = line.strip_suffix('\n')?.strip_prefix(DASH)?.split_once(' ')?;
    let bytes = STANDARD.decode(bytes).ok()?;
    let (id, bytes) = bytes.split_at_checked(4)?;
    Some(Signature { name: name.to_owned(), id: id.try_into().ok()?, bytes: bytes.to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use broker_core::secret::Secret;

    /// The example of Go's golang.org/x/mod/sumdb/note: verifier key, type byte and seed, text, signature.
    const GO_KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const GO_SEED: &str = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
    const GO_TEXT: &str =
        "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
    const GO_SIGNATURE: &str =
        "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=";

    #[test]
    fn the_note_that_go_signs_is_the_note_that_we_sign() {
        let seed = STANDARD.decode(GO_SEED).unwrap()[1..].to_vec();
        let signer = Signer::new("PeterNeumann".to_owned(), sign::SigningKey::from_seed(Secret::new(seed)).unwrap());
        assert_eq!(signer.verifier().text(), GO_KEY);
        let signed = signer.sign(GO_TEXT).unwrap();
        assert_eq!(signed, format!("{GO_TEXT}\n{DASH}PeterNeumann {GO_SIGNATURE}\n"));
        assert!(Verifier::parse(GO_KEY).unwrap().signed(&parse_all(&signed).unwrap()[0]));
    }

    fn signer(seed: u8) -> Signer {
        Signer::new("keybroker/audit/x".to_owned(), sign::SigningKey::from_seed(Secret::new(vec![seed; 32])).unwrap())
    }

    #[test]
    fn a_signed_note_holds_and_one_by_another_or_changed_does_not() {
        let signer = signer(1);
        let signed = signer.sign("origin\n12\nhash\n").unwrap();
        let note = &parse_all(&signed).unwrap()[0];
        assert_eq!(note.text, "origin\n12\nhash\n");
        assert!(signer.verifier().signed(note));
        assert!(!self::signer(2).verifier().signed(note));
        let other = parse_all(&signed.replace("12", "13")).unwrap();
        assert!(!signer.verifier().signed(&other[0]));
    }

    #[test]
    fn notes_stand_one_after_the_other() {
        let (one, two) = (signer(1).sign("a\n").unwrap(), signer(2).sign("b\nc\n").unwrap());
        let notes = parse_all(&format!("{one}\n{two}")).unwrap();
        assert_eq!(notes.iter().map(|note| note.text.as_str()).collect::<Vec<_>>(), ["a\n", "b\nc\n"]);
        assert_eq!(notes.iter().map(Note::to_string).collect::<Vec<_>>(), [one.as_str(), &two]);
        for bad in ["a\n", "a\n\n", "a\n\n\u{2014} n !\n", "a\n\n\u{2014} n AAA=\n", &one[..one.len() - 1]] {
            assert_eq!(parse_all(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_verifier_key_survives_its_text_and_a_changed_one_is_refused() {
        let verifier = signer(1).verifier();
        let text = verifier.text();
        assert_eq!(Verifier::parse(&format!("{text}\n")), Some(verifier));
        for bad in [text.replace("audit/x", "audit/y"), text.replacen('+', " ", 1), text[..text.len() - 4].to_owned()] {
            assert_eq!(Verifier::parse(&bad), None, "{bad}");
        }
    }
}
