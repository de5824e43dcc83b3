//! What a managed object looks like when it is written down; see `record.rs` for the rules.

use broker_core::algorithm::{WrapAlgorithm, Wrapped};
use broker_core::name::{KeyVersion, Principal, VaultName};
use broker_core::object::{
    Attributes, Custom, Indexed, Kept, KeyFormat, Life, LinkKind, ObjectAlgorithm, ObjectId, ObjectKind, ObjectName,
    ObjectRecord, ObjectState, Revocation, RevocationReason, Sealed, UsageLimits, UsageMask,
};
use serde::{Deserialize, Serialize};

use crate::record::{DecodeError, Record, decode_mirror, encode_mirror, known};

#[derive(Serialize, Deserialize)]
struct ObjectMirror<'a> {
    vault: &'a str,
    id: [u8; 16],
    owner: &'a str,
    kind: &'a str,
    algorithm: Option<&'a str>,
    bits: Option<u32>,
    format: &'a str,
    form: &'a [u8],
    digest_sha256: [u8; 32],
    #[serde(borrow)]
    attributes: AttributesMirror<'a>,
    #[serde(borrow)]
    life: LifeMirror<'a>,
    #[serde(borrow)]
    kept: KeptMirror<'a>,
    revision: u64,
}

#[derive(Serialize, Deserialize)]
struct AttributesMirror<'a> {
    /// (index, text, whether it is a URI)
    #[serde(borrow)]
    names: Vec<(u32, &'a str, bool)>,
    #[serde(borrow)]
    groups: Vec<(u32, &'a str)>,
    #[serde(borrow)]
    links: Vec<(&'a str, [u8; 16])>,
    usage: u32,
    activation_s: Option<i64>,
    process_start_s: Option<i64>,
    protect_stop_s: Option<i64>,
    deactivation_s: Option<i64>,
    /// (total, left, whether by bytes)
    usage_limits: Option<(u64, u64, bool)>,
    sensitive: bool,
    unextractable: bool,
    /// (name, index, value)
    #[serde(borrow)]
    custom: Vec<(&'a str, u32, &'a [u8])>,
}

#[derive(Serialize, Deserialize)]
struct LifeMirror<'a> {
    state: &'a str,
    initial_s: i64,
    last_change_s: i64,
    compromise_s: Option<i64>,
    compromise_occurrence_s: Option<i64>,
    destroy_s: Option<i64>,
    /// (reason, message)
    #[serde(borrow)]
    revocation: Option<(&'a str, Option<&'a str>)>,
    always_sensitive: bool,
    never_extractable: bool,
    fresh: bool,
}

/// The order of the variants is their number on disk: new ones go last.
#[derive(Serialize, Deserialize)]
enum KeptMirror<'a> {
    Gone,
    Public(&'a [u8]),
    Secret { kek: [u8; 16], algorithm: &'a str, value: &'a [u8], iv: &'a [u8], tag: &'a [u8], bytes: &'a [u8] },
}

impl Record for ObjectRecord {
    fn encode(&self) -> Result<Vec<u8>, postcard::Error> {
        encode_mirror(&ObjectMirror {
            vault: self.vault.as_str(),
            id: self.id.0,
            owner: self.owner.as_str(),
            kind: self.kind.word(),
            algorithm: self.algorithm.map(ObjectAlgorithm::word),
            bits: self.bits,
            format: self.format.word(),
            form: &self.form,
            digest_sha256: self.digest_sha256,
            attributes: AttributesMirror::of(&self.attributes),
            life: LifeMirror::of(&self.life),
            kept: match &self.kept {
                Kept::Gone => KeptMirror::Gone,
                Kept::Public(bytes) => KeptMirror::Public(bytes),
                Kept::Secret(sealed) => KeptMirror::Secret {
                    kek: sealed.kek.0,
                    algorithm: sealed.algorithm.word(),
                    value: &sealed.key.value,
                    iv: &sealed.key.iv,
                    tag: &sealed.key.tag,
                    bytes: &sealed.bytes,
                },
            },
            revision: self.revision,
        })
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mirror: ObjectMirror<'_> = decode_mirror(bytes)?;
        let algorithm = |word| known("object algorithm", ObjectAlgorithm::of_word, word);
        Ok(Self {
            vault: VaultName::parse(mirror.vault)?,
            id: ObjectId(mirror.id),
            owner: Principal::parse(mirror.owner)?,
            kind: known("object kind", ObjectKind::of_word, mirror.kind)?,
            algorithm: mirror.algorithm.map(algorithm).transpose()?,
            bits: mirror.bits,
            format: known("key format", KeyFormat::of_word, mirror.format)?,
            form: mirror.form.to_vec(),
            digest_sha256: mirror.digest_sha256,
            attributes: mirror.attributes.into_core()?,
            life: mirror.life.into_core()?,
            kept: match mirror.kept {
                KeptMirror::Gone => Kept::Gone,
                KeptMirror::Public(bytes) => Kept::Public(bytes.to_vec()),
                KeptMirror::Secret { kek, algorithm, value, iv, tag, bytes } => Kept::Secret(Sealed {
                    kek: KeyVersion(kek),
                    algorithm: known("wrap algorithm", WrapAlgorithm::of_word, algorithm)?,
                    key: Wrapped { value: value.to_vec(), iv: iv.to_vec(), tag: tag.to_vec() },
                    bytes: bytes.to_vec(),
                }),
            },
            revision: mirror.revision,
        })
    }
}

impl<'a> AttributesMirror<'a> {
    fn of(attributes: &'a Attributes) -> Self {
        let names = attributes.names.iter().map(|name| (name.index, name.value.text.as_str(), name.value.uri));
        let custom = attributes.custom.iter().map(|one| (one.name.as_str(), one.index, one.value.as_slice()));
        Self {
            names: names.collect(),
            groups: attributes.groups.iter().map(|group| (group.index, group.value.as_str())).collect(),
            links: attributes.links.iter().map(|(kind, id)| (kind.word(), id.0)).collect(),
            usage: attributes.usage.0,
            activation_s: attributes.activation_s,
            process_start_s: attributes.process_start_s,
            protect_stop_s: attributes.protect_stop_s,
            deactivation_s: attributes.deactivation_s,
            usage_limits: attributes.usage_limits.map(|limits| (limits.total, limits.left, limits.by_bytes)),
            sensitive: attributes.sensitive,
            unextractable: attributes.unextractable,
            custom: custom.collect(),
        }
    }

    fn into_core(self) -> Result<Attributes, DecodeError> {
        let mut links = Vec::with_capacity(self.links.len());
        for (kind, id) in self.links {
            links.push((known("link", LinkKind::of_word, kind)?, ObjectId(id)));
        }
        let name =
            |(index, text, uri): (u32, &str, bool)| Indexed { index, value: ObjectName { text: text.to_owned(), uri } };
        let custom =
            |(name, index, value): (&str, u32, &[u8])| Custom { name: name.to_owned(), index, value: value.to_vec() };
        Ok(Attributes {
            names: self.names.into_iter().map(name).collect(),
            groups: self.groups.into_iter().map(|(index, text)| Indexed { index, value: text.to_owned() }).collect(),
            links,
            usage: UsageMask(self.usage),
            activation_s: self.activation_s,
            process_start_s: self.process_start_s,
            protect_stop_s: self.protect_stop_s,
            deactivation_s: self.deactivation_s,
            usage_limits: self.usage_limits.map(|(total, left, by_bytes)| UsageLimits { total, left, by_bytes }),
            sensitive: self.sensitive,
            unextractable: self.unextractable,
            custom: self.custom.into_iter().map(custom).collect(),
        })
    }
}

impl<'a> LifeMirror<'a> {
    fn of(life: &'a Life) -> Self {
        Self {
            state: life.state.word(),
            initial_s: life.initial_s,
            last_change_s: life.last_change_s,
            compromise_s: life.compromise_s,
            compromise_occurrence_s: life.compromise_occurrence_s,
            destroy_s: life.destroy_s,
            revocation: life.revocation.as_ref().map(|why| (why.reason.word(), why.message.as_deref())),
            always_sensitive: life.always_sensitive,
            never_extractable: life.never_extractable,
            fresh: life.fresh,
        }
    }

    fn into_core(self) -> Result<Life, DecodeError> {
        let why = |(reason, message): (&str, Option<&str>)| -> Result<Revocation, DecodeError> {
            let reason = known("revocation reason", RevocationReason::of_word, reason)?;
            Ok(Revocation { reason, message: message.map(str::to_owned) })
        };
        Ok(Life {
            state: known("object state", ObjectState::of_word, self.state)?,
            initial_s: self.initial_s,
            last_change_s: self.last_change_s,
            compromise_s: self.compromise_s,
            compromise_occurrence_s: self.compromise_occurrence_s,
            destroy_s: self.destroy_s,
            revocation: self.revocation.map(why).transpose()?,
            always_sensitive: self.always_sensitive,
            never_extractable: self.never_extractable,
            fresh: self.fresh,
        })
    }
}
