//! The wire's enumerations and the core's words: the core has the standard's own, so each is found by its words.

use broker_core::object::{
    BlockMode, Curve, Derivation, HashName, KeyFormat, LinkKind, ObjectAlgorithm, ObjectKind, ObjectState, Padding,
    RevocationReason,
};
use broker_core::object_crypto::CryptoParameters;

use crate::name::Tag;
use crate::read::{self, Fields};
use crate::refuse::Problem;
use crate::table;
use crate::ttlv::Item;

/// How a word of the core stands on the wire.
pub(crate) trait OnWire: Sized + Copy {
    fn of_wire(value: u32) -> Option<Self>;
    fn to_wire(self) -> u32;

    /// # Errors
    /// `InvalidField` for a value that the core does not know.
    fn read(item: &Item) -> Result<Self, Problem> {
        read::one_of(item, Self::of_wire)
    }
}

macro_rules! on_wire {
    ($($core:ident is $wire:ident $(with $suffix:literal)?;)+) => { $(
        impl OnWire for $core {
            fn of_wire(value: u32) -> Option<Self> {
                let words = table::$wire::from_u32(value)?.words();
                $(let words = words.strip_suffix($suffix).unwrap_or(words);)?
                Self::of_word(words)
            }

            fn to_wire(self) -> u32 {
                let words = self.word();
                $(let words = &format!("{words}{}", $suffix);)?
                table::$wire::worded(words).expect("the core's words are the standard's, as the test below says").value()
            }
        }
    )+ };
}
on_wire! {
    BlockMode is BlockCipherMode;
    Curve is RecommendedCurve;
    Derivation is DerivationMethod;
    HashName is HashingAlgorithm;
    KeyFormat is KeyFormatType;
    LinkKind is LinkType with " Link";
    ObjectAlgorithm is CryptographicAlgorithm;
    ObjectKind is ObjectType;
    ObjectState is State;
    Padding is PaddingMethod;
    RevocationReason is RevocationReasonCode;
}

pub(crate) fn of_word<T: OnWire>(tag: Tag, value: T) -> Item {
    Item::enumeration(tag, value.to_wire())
}

/// Cryptographic Parameters (section 3.6), where they say how to compute; what only describes a key is passed over.
///
/// # Errors
/// `InvalidField`; `FeatureNotSupported` for an OAEP label.
pub(crate) fn crypto_parameters(fields: &Fields<'_>) -> Result<CryptoParameters, Problem> {
    if fields.has(Tag::PSource) {
        return Err(Problem::unsupported("OAEP with a label (P Source) is not served"));
    }
    let mut parameters = CryptoParameters {
        algorithm: fields.get(Tag::CryptographicAlgorithm, ObjectAlgorithm::read)?,
        mode: fields.get(Tag::BlockCipherMode, BlockMode::read)?,
        padding: fields.get(Tag::PaddingMethod, Padding::read)?,
        hash: fields.get(Tag::HashingAlgorithm, HashName::read)?,
        mask_hash: fields.get(Tag::MaskGeneratorHashingAlgorithm, HashName::read)?,
        salt_bytes: fields.get(Tag::SaltLength, read::count)?,
        iv_bytes: fields.get(Tag::IVLength, read::count)?,
        tag_bytes: fields.get(Tag::TagLength, read::count)?,
        random_iv: fields.get(Tag::RandomIV, read::boolean)?.unwrap_or(false),
    };
    if let Some(item) = fields.item(Tag::DigitalSignatureAlgorithm) {
        let (padding, hash) = signature_algorithm(read::one_of(item, table::DigitalSignatureAlgorithm::from_u32)?)?;
        parameters.padding = parameters.padding.or(padding);
        parameters.hash = parameters.hash.or(hash);
    }
    Ok(parameters)
}

type Scheme = (Option<Padding>, Option<HashName>);

/// Section 9.1.3.2.7: an algorithm is a padding and a hash. RSASSA-PSS says nothing of its hash.
fn signature_algorithm(algorithm: table::DigitalSignatureAlgorithm) -> Result<Scheme, Problem> {
    use table::DigitalSignatureAlgorithm as Algorithm;
    let pkcs1 = |hash| Ok((Some(Padding::Pkcs1V15), Some(hash)));
    match algorithm {
        Algorithm::SHA_224WithRSAEncryptionPKCS_1V1_5 => pkcs1(HashName::Sha224),
        Algorithm::SHA_256WithRSAEncryptionPKCS_1V1_5 => pkcs1(HashName::Sha256),
        Algorithm::SHA_384WithRSAEncryptionPKCS_1V1_5 => pkcs1(HashName::Sha384),
        Algorithm::SHA_512WithRSAEncryptionPKCS_1V1_5 => pkcs1(HashName::Sha512),
        Algorithm::RSASSAPSSPKCS_1V2_1 => Ok((Some(Padding::Pss), None)),
        Algorithm::ECDSAWithSHA256 => Ok((None, Some(HashName::Sha256))),
        Algorithm::ECDSAWithSHA384 => Ok((None, Some(HashName::Sha384))),
        Algorithm::ECDSAWithSHA512 => Ok((None, Some(HashName::Sha512))),
        other => Err(Problem::unsupported(format!("{} is not served", other.words()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_the_core_is_one_of_the_standards() {
        fn check<T: OnWire + PartialEq + std::fmt::Debug>(all: &[T]) {
            for word in all {
                assert_eq!(T::of_wire(word.to_wire()), Some(*word));
            }
        }
        check(BlockMode::ALL);
        check(Curve::ALL);
        check(Derivation::ALL);
        check(HashName::ALL);
        check(KeyFormat::ALL);
        check(LinkKind::ALL);
        check(ObjectAlgorithm::ALL);
        check(ObjectKind::ALL);
        check(ObjectState::ALL);
        check(Padding::ALL);
        check(RevocationReason::ALL);
    }
}
