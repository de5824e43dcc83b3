//! The questions, one function each. Each is asked in a process of its own, with a session that is logged in.

mod aes;
mod attributes;
mod ec;
mod rsa;
mod sessions;

use cryptoki::error::Error;

use crate::desk::{Desk, Trouble, code};
use crate::report::Answer;

/// A question's name, and how it is asked.
type Question = (&'static str, fn(&Desk) -> Result<Answer, Trouble>);

/// By subject. What destroys tokens is asked by the parent: see `kill.rs`.
const QUESTIONS: &[Question] = &[
    ("AES-KW wraps as RFC 3394 says", aes::kw_wraps),
    ("AES-KW unwraps what RFC 3394 wrapped", aes::kw_unwraps),
    ("AES-KW refuses a value that was tampered with", aes::kw_refuses_tampered),
    ("AES-KW through C_Encrypt", aes::kw_encrypts),
    ("AES-KWP wraps as RFC 5649 says", aes::kwp_wraps),
    ("AES-KWP unwraps what RFC 5649 wrapped", aes::kwp_unwraps),
    ("AES-GCM encrypts as McGrew and Viega say", aes::gcm_encrypts),
    ("AES-GCM decrypts", aes::gcm_decrypts),
    ("AES-GCM refuses a value that was tampered with", aes::gcm_refuses_tampered),
    ("AES-GCM wraps a key", aes::gcm_wraps),
    ("AES-CBC encrypts as SP 800-38A says", aes::cbc_encrypts),
    ("AES-CBC decrypts", aes::cbc_decrypts),
    ("AES-CBC wraps a key", aes::cbc_wraps),
    ("AES-CBC unwraps a key", aes::cbc_unwraps),
    ("RSA-2048 opens OAEP with SHA-1", rsa::oaep_sha1_2048),
    ("RSA-3072 opens OAEP with SHA-1", rsa::oaep_sha1_3072),
    ("RSA-4096 opens OAEP with SHA-1", rsa::oaep_sha1_4096),
    ("RSA-2048 opens OAEP with SHA-256", rsa::oaep_sha256_2048),
    ("RSA-2048 unwraps a key by OAEP with SHA-1", rsa::oaep_sha1_unwraps),
    ("RSA-2048 unwraps a key by OAEP with SHA-256", rsa::oaep_sha256_unwraps),
    ("RSA-2048 refuses OAEP that was tampered with", rsa::oaep_refuses_tampered),
    ("RSA-2048 does the bare operation (CKM_RSA_X_509)", rsa::bare_2048),
    ("RSA-2048 signs PKCS #1 v1.5 with SHA-256", rsa::signs_pkcs1_256),
    ("RSA-2048 signs PKCS #1 v1.5 with SHA-512", rsa::signs_pkcs1_512),
    ("RSA-2048 signs PSS with SHA-256", rsa::signs_pss_256),
    ("RSA-2048 signs PSS with SHA-512", rsa::signs_pss_512),
    ("ECDSA signs with P-256", ec::p256),
    ("ECDSA signs with P-384", ec::p384),
    ("ECDSA signs with P-521", ec::p521),
    ("a public EC key shows its point in an OCTET STRING", ec::point_is_wrapped),
    ("a generated key is sensitive, local and never was extractable", attributes::generated_is_kept),
    ("a sensitive key does not show its value", attributes::sensitive_is_hidden),
    ("a private RSA key does not show its primes", attributes::primes_are_hidden),
    ("a key that is not extractable cannot be wrapped", attributes::unextractable_stays),
    ("a key without CKA_WRAP does not wrap", attributes::no_wrap),
    ("a key without CKA_UNWRAP does not unwrap", attributes::no_unwrap),
    ("a key without CKA_DECRYPT does not decrypt", attributes::no_decrypt),
    ("a key without CKA_SIGN does not sign", attributes::no_sign),
    ("a sensitive key cannot be made readable", attributes::sensitive_is_final),
    ("a key cannot be made extractable again", attributes::unextractable_is_final),
    ("a copy of a key is not less protected", attributes::copy_is_kept),
    ("a session object ends with its session", sessions::objects_end),
    ("a handle of a destroyed object is refused as such", sessions::destroyed_is_refused),
    ("32 sessions at once", sessions::thirty_two),
    ("8 threads wrap and unwrap, each in its session", sessions::threads_work),
    ("4 threads make RSA pairs, each in its session", sessions::threads_generate),
    ("sessions are opened and closed while others work", sessions::close_while_others_work),
    ("a wrong PIN is refused as such", sessions::wrong_pin),
];

/// Every question's name, in the order they are asked.
pub fn names() -> impl Iterator<Item = &'static str> {
    QUESTIONS.iter().map(|(name, _)| *name)
}

/// Asks one; a name that there is not is nobody's question.
pub fn ask(name: &str, desk: &Desk) -> Answer {
    let Some((_, ask)) = QUESTIONS.iter().find(|(known, _)| *known == name) else {
        return Answer::NotAsked { why: format!("no question is called {name:?}") };
    };
    ask(desk).unwrap_or_else(Trouble::answer)
}

/// The answer where the outcome must be this.
fn right(outcome: &[u8], known: &[u8]) -> Answer {
    if outcome == known {
        Answer::Does
    } else {
        Answer::wrong(format!("{} bytes other than the known ones", outcome.len()))
    }
}

/// The answer where only a refusal is right.
fn refused<T>(outcome: Result<T, Error>, otherwise: &str) -> Answer {
    match outcome {
        Ok(_) => Answer::wrong(otherwise),
        Err(error) => Answer::Refuses { code: code(&error) },
    }
}

/// Bytes of a test vector.
///
/// # Panics
/// It is no hexadecimal; the vectors are constants of this crate.
fn hex(text: &str) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).expect("a constant of hexadecimal digits") as u8;
    text.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}
