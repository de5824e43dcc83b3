//! From a token's mechanisms to what the backend serves. What is not here is refused by name.

use broker_core::algorithm::{KeyFamily, KeySpec, SignAlgorithm, WrapAlgorithm};
use broker_core::port::Capabilities;
use cryptoki::mechanism::MechanismType;

use crate::quirk;
use crate::wire::TokenFacts;

/// What every token of the backend's kind may serve at most; stands in until the first token has said what it can.
pub fn at_most() -> Capabilities {
    Capabilities {
        key_specs: KeySpec::ALL.iter().copied().filter(|spec| *spec != KeySpec::Oct192).collect(),
        wrap_algorithms: vec![
            WrapAlgorithm::RsaOaep,
            WrapAlgorithm::RsaOaep256,
            WrapAlgorithm::A128Kw,
            WrapAlgorithm::A256Kw,
        ],
        sign_algorithms: SignAlgorithm::ALL.to_vec(),
    }
}

/// What a token that says this about itself serves.
pub fn of(facts: &TokenFacts, raw_rsa: bool) -> Capabilities {
    let range = |kind: MechanismType| facts.mechanisms.iter().find(|mechanism| mechanism.kind == *kind);
    let has = |kind| range(kind).is_some();
    let oaep_sha256 = quirk::of(&facts.model).oaep_sha256;
    let most = at_most();
    let makes = |spec: &KeySpec| {
        let (kind, does) = match spec.family() {
            KeyFamily::Ec => (MechanismType::ECC_KEY_PAIR_GEN, has(MechanismType::ECDSA)),
            KeyFamily::Oct => (MechanismType::AES_KEY_GEN, has(MechanismType::AES_KEY_WRAP)),
            KeyFamily::Rsa => (MechanismType::RSA_PKCS_KEY_PAIR_GEN, has(MechanismType::RSA_PKCS_OAEP)),
        };
        // AES key sizes are in bytes to the standard, in bits to some tokens.
        let bits = u64::from(spec.bits());
        let sizes = if spec.family() == KeyFamily::Oct { vec![bits / 8, bits] } else { vec![bits] };
        let fits = |size: &u64| range(kind).is_some_and(|range| (range.bits_min..=range.bits_max).contains(size));
        does && sizes.iter().any(fits)
    };
    let wraps = |algorithm: &WrapAlgorithm| match algorithm {
        WrapAlgorithm::RsaOaep => has(MechanismType::RSA_PKCS_OAEP),
        WrapAlgorithm::RsaOaep256 if oaep_sha256 => has(MechanismType::RSA_PKCS_OAEP),
        WrapAlgorithm::RsaOaep256 => raw_rsa && has(MechanismType::RSA_X_509),
        WrapAlgorithm::A128Kw | WrapAlgorithm::A256Kw => has(MechanismType::AES_KEY_WRAP),
        WrapAlgorithm::Rsa1V5 | WrapAlgorithm::A128Kwp | WrapAlgorithm::A256Kwp | WrapAlgorithm::A256Gcm => false,
    };
    let signs = |algorithm: &SignAlgorithm| match algorithm {
        SignAlgorithm::Es256 | SignAlgorithm::Es384 | SignAlgorithm::Es512 => has(MechanismType::ECDSA),
        SignAlgorithm::Ps256 | SignAlgorithm::Ps384 | SignAlgorithm::Ps512 => has(MechanismType::RSA_PKCS_PSS),
        SignAlgorithm::Rs256 | SignAlgorithm::Rs384 | SignAlgorithm::Rs512 => has(MechanismType::RSA_PKCS),
    };
    Capabilities {
        key_specs: most.key_specs.into_iter().filter(makes).collect(),
        wrap_algorithms: most.wrap_algorithms.into_iter().filter(wraps).collect(),
        sign_algorithms: most.sign_algorithms.into_iter().filter(signs).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Mechanism;

    fn facts(model: &str, kinds: &[(MechanismType, u64, u64)]) -> TokenFacts {
        let mechanisms = kinds.iter().map(|(kind, bits_min, bits_max)| Mechanism {
            kind: **kind,
            bits_min: *bits_min,
            bits_max: *bits_max,
        });
        TokenFacts {
            mechanisms: mechanisms.collect(),
            manufacturer: String::new(),
            model: model.into(),
            serial: String::new(),
        }
    }

    #[test]
    fn a_token_without_mechanisms_serves_nothing() {
        assert_eq!(of(&facts("", &[]), true), Capabilities::default());
    }

    #[test]
    fn key_sizes_outside_the_tokens_range_are_not_served() {
        let kinds = [
            (MechanismType::RSA_PKCS_KEY_PAIR_GEN, 2048, 3072),
            (MechanismType::RSA_PKCS_OAEP, 2048, 3072),
            (MechanismType::AES_KEY_GEN, 16, 32),
        ];
        assert_eq!(of(&facts("", &kinds), true).key_specs, [KeySpec::Rsa2048, KeySpec::Rsa3072]);
    }

    #[test]
    fn oaep_with_sha_256_needs_the_token_or_leave_to_use_bare_rsa() {
        let kinds = [(MechanismType::RSA_PKCS_OAEP, 512, 16_384), (MechanismType::RSA_X_509, 512, 16_384)];
        let serves = |model, kinds: &[_], raw| {
            of(&facts(model, kinds), raw).wrap_algorithms.contains(&WrapAlgorithm::RsaOaep256)
        };
        assert!(serves("SoftHSM v2", &kinds, true));
        assert!(!serves("SoftHSM v2", &kinds, false));
        assert!(!serves("SoftHSM v2", &kinds[..1], true));
        assert!(serves("Luna", &kinds[..1], false));
    }
}
