//! Managed objects on the wire (KMIP 1.4 section 2.2): out of a message into bytes and what must be remembered of their form,
//! and back.

use broker_core::broker::ObjectView;
use broker_core::object::{KeyFormat, ObjectAlgorithm, ObjectKind};
use broker_core::secret::Secret;

use crate::asn1;
use crate::attribute::{self, Attribute};
use crate::name::Tag;
use crate::read::{self, Fields};
use crate::refuse::Problem;
use crate::table::ResultReason;
use crate::translate::{OnWire, of_word};
use crate::ttlv::{Item, Value};

/// An object as a client brought it.
pub(crate) struct Brought {
    pub bytes: Secret,
    pub format: KeyFormat,
    pub algorithm: Option<ObjectAlgorithm>,
    pub bits: Option<u32>,
    pub form: Vec<u8>,
    /// Of the key value; they count as if they stood in the request.
    pub attributes: Vec<Attribute>,
}

/// The tag under which an object of a kind stands in a payload.
pub(crate) const fn tag_of(kind: ObjectKind) -> Tag {
    match kind {
        ObjectKind::Certificate => Tag::Certificate,
        ObjectKind::OpaqueObject => Tag::OpaqueObject,
        ObjectKind::PrivateKey => Tag::PrivateKey,
        ObjectKind::PublicKey => Tag::PublicKey,
        ObjectKind::SecretData => Tag::SecretData,
        ObjectKind::SplitKey => Tag::SplitKey,
        ObjectKind::SymmetricKey => Tag::SymmetricKey,
        ObjectKind::Template => Tag::Template,
    }
}

/// What stands beside the key block or the value and comes back as it was, in the order of the standard.
const BESIDE: &[Tag] = &[
    Tag::CertificateType,
    Tag::SecretDataType,
    Tag::OpaqueDataType,
    Tag::SplitKeyParts,
    Tag::KeyPartIdentifier,
    Tag::SplitKeyThreshold,
    Tag::SplitKeyMethod,
    Tag::PrimeFieldSize,
];

/// Reads an object of a Register request.
///
/// # Errors
/// `MissingData`, `InvalidField`, `InvalidMessage`.
pub(crate) fn read(kind: ObjectKind, payload: &Fields<'_>) -> Result<Brought, Problem> {
    let item = payload.item(tag_of(kind)).ok_or_else(|| payload.missing(tag_of(kind)))?;
    let fields = Fields::of(item)?;
    let mut form: Vec<Item> = BESIDE.iter().filter_map(|tag| fields.item(*tag).cloned()).collect();
    let bare = |tag| -> Result<Brought, Problem> {
        let bytes = fields.need(tag, read::secret)?;
        let (algorithm, bits, attributes) = (None, None, Vec::new());
        Ok(Brought { bytes, format: KeyFormat::Opaque, algorithm, bits, form: Vec::new(), attributes })
    };
    let mut brought = match kind {
        ObjectKind::Certificate => Brought { format: KeyFormat::X509, ..bare(Tag::CertificateValue)? },
        ObjectKind::OpaqueObject => bare(Tag::OpaqueDataValue)?,
        ObjectKind::Template => Brought {
            bytes: Secret::copied_from(&item.encode()),
            format: KeyFormat::Opaque,
            algorithm: None,
            bits: None,
            form: Vec::new(),
            attributes: Vec::new(),
        },
        ObjectKind::PrivateKey
        | ObjectKind::PublicKey
        | ObjectKind::SecretData
        | ObjectKind::SplitKey
        | ObjectKind::SymmetricKey => read_block(kind, fields.need(Tag::KeyBlock, read::structure)?, &mut form)?,
    };
    brought.form = Item::structure(tag_of(kind), form).encode().to_vec();
    Ok(brought)
}

fn read_block(kind: ObjectKind, block: Fields<'_>, form: &mut Vec<Item>) -> Result<Brought, Problem> {
    let format = block.need(Tag::KeyFormatType, KeyFormat::read)?;
    let wrapping = block.item(Tag::KeyWrappingData);
    form.extend(block.item(Tag::KeyCompressionType).cloned());
    form.extend(wrapping.cloned());
    let key_value = block.item(Tag::KeyValue).ok_or_else(|| block.missing(Tag::KeyValue))?;
    let (bytes, attributes) = match &key_value.value {
        // Wrapped by the client: kept as it is, and given back so.
        Value::ByteString(bytes) if wrapping.is_some() => (Secret::copied_from(bytes), Vec::new()),
        _ => {
            let fields = Fields::of(key_value)?;
            let material = fields.item(Tag::KeyMaterial).ok_or_else(|| fields.missing(Tag::KeyMaterial))?;
            (material_bytes(material)?, attribute::read_all(fields.all(Tag::Attribute))?)
        }
    };
    let bits = block.get(Tag::CryptographicLength, read::count)?;
    let plain = wrapping.is_none() && matches!(format, KeyFormat::Raw | KeyFormat::TransparentSymmetricKey);
    let counted = u32::try_from(bytes.len() * 8).ok().filter(|_| plain && kind == ObjectKind::SymmetricKey);
    let algorithm = block.get(Tag::CryptographicAlgorithm, ObjectAlgorithm::read)?;
    if algorithm == Some(ObjectAlgorithm::Aes) && counted.is_some() && bits.is_some() && bits != counted {
        return Err(Problem::invalid_field("the Cryptographic Length is not that of the key material"));
    }
    Ok(Brought { bytes, format, algorithm, bits: bits.or(counted), form: Vec::new(), attributes })
}

/// A byte string as it is, a symmetric key out of its structure, any other structure as the message has it.
fn material_bytes(material: &Item) -> Result<Secret, Problem> {
    match &material.value {
        Value::ByteString(bytes) => Ok(Secret::copied_from(bytes)),
        Value::Structure(items) => match items.as_slice() {
            [Item { tag: Tag::Key, value: Value::ByteString(key) }] => Ok(Secret::copied_from(key)),
            _ => Ok(Secret::copied_from(&material.encode())),
        },
        _ => Err(Problem::invalid_message("Key Material is a byte string or a structure")),
    }
}

/// The structure that is wrapped, or stands in a key block, around a key's bytes.
pub(crate) fn key_value(format: KeyFormat, bytes: &Secret, attributes: Vec<Item>) -> Result<Item, Problem> {
    let material = match format {
        KeyFormat::TransparentSymmetricKey => {
            Item::structure(Tag::KeyMaterial, vec![Item::byte_string(Tag::Key, bytes.expose())])
        }
        format if format.word().starts_with("Transparent") => {
            let broken = |_| Problem::new(ResultReason::GeneralFailure, "the object's own structure does not read");
            Item::decode(bytes.expose()).map_err(broken)?
        }
        _ => Item::byte_string(Tag::KeyMaterial, bytes.expose()),
    };
    let mut items = vec![material];
    items.extend(attributes);
    Ok(Item::structure(Tag::KeyValue, items))
}

/// An object's bytes in another format, if they can be put into it.
///
/// # Errors
/// `KeyFormatTypeNotSupported`.
pub(crate) fn reformat(
    view: &ObjectView,
    bytes: Secret,
    wanted: Option<KeyFormat>,
) -> Result<(KeyFormat, Secret), Problem> {
    let own = view.format();
    let Some(wanted) = wanted.filter(|wanted| *wanted != own) else { return Ok((own, bytes)) };
    let rsa = view.algorithm() == Some(ObjectAlgorithm::Rsa) && !is_wrapped(view);
    let made = match (own, wanted) {
        (KeyFormat::Raw, KeyFormat::TransparentSymmetricKey) | (KeyFormat::TransparentSymmetricKey, KeyFormat::Raw)
            if view.kind() == ObjectKind::SymmetricKey =>
        {
            Some(bytes)
        }
        (KeyFormat::Pkcs1, KeyFormat::Pkcs8) if rsa => Some(asn1::pkcs8_of_rsa(&bytes)),
        (KeyFormat::Pkcs8, KeyFormat::Pkcs1) if rsa => asn1::rsa_of_pkcs8(&bytes),
        (KeyFormat::Pkcs1, KeyFormat::X509) if rsa => Some(asn1::spki_of_rsa(&bytes)),
        (KeyFormat::X509, KeyFormat::Pkcs1) if rsa => asn1::rsa_of_spki(&bytes),
        _ => None,
    };
    made.map(|bytes| (wanted, bytes)).ok_or_else(|| {
        let message = format!("this object is kept as {own} and cannot be given as {wanted}");
        Problem::new(ResultReason::KeyFormatTypeNotSupported, message)
    })
}

/// Whether the client itself wrapped the bytes that it brought.
pub(crate) fn is_wrapped(view: &ObjectView) -> bool {
    form_items(view).iter().any(|item| item.tag == Tag::KeyWrappingData)
}

fn form_items(view: &ObjectView) -> Vec<Item> {
    match Item::decode(view.form()).map(|item| item.value) {
        Ok(Value::Structure(items)) => items,
        _ => Vec::new(),
    }
}

/// How a Get gives a key out wrapped: the bytes, and what says how they were wrapped.
pub(crate) struct WrappedValue {
    pub bytes: Vec<u8>,
    pub data: Item,
}

/// The object as a Get answers it, in `format`.
///
/// # Errors
/// As [`key_value`].
pub(crate) fn write(
    view: &ObjectView,
    format: KeyFormat,
    bytes: &Secret,
    wrapped: Option<WrappedValue>,
) -> Result<Item, Problem> {
    let (kind, form) = (view.kind(), form_items(view));
    let mut items: Vec<Item> = form.iter().filter(|item| BESIDE.contains(&item.tag)).cloned().collect();
    match kind {
        ObjectKind::Certificate => items.push(Item::byte_string(Tag::CertificateValue, bytes.expose())),
        ObjectKind::OpaqueObject => items.push(Item::byte_string(Tag::OpaqueDataValue, bytes.expose())),
        ObjectKind::Template => {
            return Item::decode(bytes.expose())
                .map_err(|_| Problem::new(ResultReason::GeneralFailure, "the template does not read"));
        }
        _ => {
            let find = |tag| form.iter().find(|item: &&Item| item.tag == tag).cloned();
            let mut block = vec![of_word(Tag::KeyFormatType, format)];
            block.extend(find(Tag::KeyCompressionType));
            let (value, wrapping) = match wrapped {
                Some(wrapped) => (Item::byte_string(Tag::KeyValue, wrapped.bytes), Some(wrapped.data)),
                None if is_wrapped(view) => {
                    (Item::byte_string(Tag::KeyValue, bytes.expose()), find(Tag::KeyWrappingData))
                }
                None => (key_value(format, bytes, Vec::new())?, None),
            };
            block.push(value);
            block.extend(view.algorithm().map(|algorithm| of_word(Tag::CryptographicAlgorithm, algorithm)));
            let bits = view.bits().and_then(|bits| i32::try_from(bits).ok());
            // A password has a length by its bytes; one that was given with none is given back so.
            let said = kind != ObjectKind::SecretData || view.algorithm().is_some();
            block.extend(bits.filter(|_| said).map(|bits| Item::integer(Tag::CryptographicLength, bits)));
            block.extend(wrapping);
            items.push(Item::structure(Tag::KeyBlock, block));
        }
    }
    Ok(Item::structure(tag_of(kind), items))
}
