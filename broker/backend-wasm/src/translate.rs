//! The core's words and the contract's, one to one; every match is exhaustive, so a word added on one side does not compile
//! until the other has it.

use broker_core::algorithm::{KeySpec, PublicKey, SignAlgorithm, WrapAlgorithm, WrapExtras, Wrapped};

use crate::contract::types;
use crate::frame::Place;

macro_rules! same_words {
    ($ours:ident, $theirs:ident, $to:ident, $from:ident: $($variant:ident = $other:ident),+) => {
        pub const fn $to(ours: $ours) -> types::$theirs {
            match ours { $($ours::$variant => types::$theirs::$other,)+ }
        }

        pub const fn $from(theirs: types::$theirs) -> $ours {
            match theirs { $(types::$theirs::$other => $ours::$variant,)+ }
        }
    };
}

same_words!(KeySpec, KeySpec, spec_to_guest, spec_of_guest:
    Rsa2048 = Rsa2048, Rsa3072 = Rsa3072, Rsa4096 = Rsa4096, EcP256 = EcP256, EcP384 = EcP384, EcP521 = EcP521,
    Oct128 = Oct128, Oct192 = Oct192, Oct256 = Oct256);

same_words!(WrapAlgorithm, WrapAlgorithm, wrap_to_guest, wrap_of_guest:
    RsaOaep = RsaOaep, RsaOaep256 = RsaOaep256, Rsa1V5 = Rsa1V5, A128Kw = A128Kw, A256Kw = A256Kw, A128Kwp = A128Kwp,
    A256Kwp = A256Kwp, A256Gcm = A256Gcm);

same_words!(SignAlgorithm, SignAlgorithm, sign_to_guest, sign_of_guest:
    Rs256 = Rs256, Rs384 = Rs384, Rs512 = Rs512, Ps256 = Ps256, Ps384 = Ps384, Ps512 = Ps512, Es256 = Es256,
    Es384 = Es384, Es512 = Es512);

pub fn public_to_guest(public: &PublicKey) -> types::PublicKey {
    match public {
        PublicKey::Ec { x, y } => types::PublicKey::Ec(types::EcPublic { x: x.clone(), y: y.clone() }),
        PublicKey::None => types::PublicKey::None,
        PublicKey::Rsa { n, e } => types::PublicKey::Rsa(types::RsaPublic { n: n.clone(), e: e.clone() }),
    }
}

pub fn public_of_guest(public: types::PublicKey) -> PublicKey {
    match public {
        types::PublicKey::Ec(types::EcPublic { x, y }) => PublicKey::Ec { x, y },
        types::PublicKey::None => PublicKey::None,
        types::PublicKey::Rsa(types::RsaPublic { n, e }) => PublicKey::Rsa { n, e },
    }
}

pub fn extras_to_guest(extras: &WrapExtras) -> types::WrapExtras {
    types::WrapExtras { iv: extras.iv.clone(), aad: extras.aad.clone(), tag: extras.tag.clone() }
}

pub fn extras_of_guest(extras: types::WrapExtras) -> WrapExtras {
    WrapExtras { iv: extras.iv, aad: extras.aad, tag: extras.tag }
}

pub fn wrapped_to_guest(wrapped: Wrapped) -> types::Wrapped {
    types::Wrapped { value: wrapped.value, iv: wrapped.iv, tag: wrapped.tag }
}

pub fn wrapped_of_guest(wrapped: types::Wrapped) -> Wrapped {
    Wrapped { value: wrapped.value, iv: wrapped.iv, tag: wrapped.tag }
}

pub fn context(place: &Place) -> types::KeyContext {
    types::KeyContext {
        vault: place.vault.as_str().to_owned(),
        name: place.key.as_str().to_owned(),
        version: place.version.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_survives_the_way_to_a_guest_and_back() {
        assert!(KeySpec::ALL.iter().all(|&spec| spec_of_guest(spec_to_guest(spec)) == spec));
        assert!(WrapAlgorithm::ALL.iter().all(|&algorithm| wrap_of_guest(wrap_to_guest(algorithm)) == algorithm));
        assert!(SignAlgorithm::ALL.iter().all(|&algorithm| sign_of_guest(sign_to_guest(algorithm)) == algorithm));
    }
}
