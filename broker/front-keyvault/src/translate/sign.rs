//! sign and verify.

use broker_core::algorithm::SignAlgorithm;
use broker_core::broker::{Sign, Signed};
use broker_core::name::KeyName;
use broker_core::refusal::Refusal;

use super::{Named, bad, quoted, to_bytes, to_text};
use crate::host::Host;
use crate::refuse::Problem;
use crate::wire;

/// Algorithms that Key Vault knows and this broker does not serve, refused by name.
const UNSERVED_ALGORITHMS: [&str; 5] = ["ES256K", "HS256", "HS384", "HS512", "RSNULL"];

pub(crate) fn to_sign(named: Named, body: &wire::SignBody) -> Result<Sign, Problem> {
    to_ask(named, &body.alg, to_bytes("value", Some(&body.value))?)
}

/// What is verified, and the signature.
pub(crate) fn to_verify(named: Named, body: &wire::VerifyBody) -> Result<(Sign, Vec<u8>), Problem> {
    let ask = to_ask(named, &body.alg, to_bytes("digest", Some(&body.digest))?)?;
    Ok((ask, to_bytes("value", Some(&body.value))?))
}

fn to_ask(named: Named, algorithm: &str, digest: Vec<u8>) -> Result<Sign, Problem> {
    let algorithm = to_algorithm(algorithm)?;
    Ok(Sign { vault: named.vault, key: named.key, version: named.version, algorithm, digest })
}

fn to_algorithm(word: &str) -> Result<SignAlgorithm, Problem> {
    SignAlgorithm::of_word(word).ok_or_else(|| {
        if UNSERVED_ALGORITHMS.contains(&word) {
            Refusal::AlgorithmUnsupported { algorithm: word.to_owned(), by: "this broker".to_owned() }.into()
        } else {
            bad(format!("alg {} is not an algorithm for this operation", quoted(word)))
        }
    })
}

pub(crate) fn of_signed(key: &KeyName, signed: &Signed, host: &Host) -> wire::OperationResult {
    wire::OperationResult {
        kid: host.kid(key, Some(signed.version)),
        value: to_text(&signed.signature),
        iv: None,
        tag: None,
        aad: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_algorithm_of_key_vaults_that_is_not_served_is_named() {
        for word in UNSERVED_ALGORITHMS {
            let problem = to_algorithm(word).unwrap_err();
            assert_eq!(problem.word(), "algorithm-unsupported");
            assert!(problem.message().contains(word), "{word}");
        }
        for word in ["", "es256", "RSA-OAEP", "none", "EdDSA"] {
            assert_eq!(to_algorithm(word).unwrap_err().word(), "bad-request", "{word}");
        }
    }

    #[test]
    fn every_algorithm_of_the_core_is_read_by_its_word() {
        for algorithm in SignAlgorithm::ALL {
            assert_eq!(to_algorithm(algorithm.word()), Ok(*algorithm));
        }
    }
}
