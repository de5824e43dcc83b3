//! Get (KMIP 1.4 section 4.11), in the clear or wrapped under another managed key (sections 2.1.5 and 2.1.6).

use broker_core::broker::{EncryptWithObject, ObjectView};
use broker_core::object::{BlockMode, KeyFormat, ObjectKind};
use broker_core::object_crypto::CipherExtras;
use broker_core::secret::Secret;

use super::{Desk, id_item, parse_id};
use crate::attribute;
use crate::name::Tag;
use crate::object::{self, WrappedValue};
use crate::read::{self, Fields};
use crate::refuse::Problem;
use crate::table::{EncodingOption, KeyWrapType, ResultReason, WrappingMethod};
use crate::translate::{OnWire, crypto_parameters, of_word};
use crate::ttlv::Item;
use crate::wire::Outcome;

impl Desk<'_> {
    pub(super) async fn get(&mut self, payload: Fields<'_>) -> Outcome {
        let id = self.subject(&payload)?;
        let wanted = payload.get(Tag::KeyFormatType, KeyFormat::read)?;
        if payload.has(Tag::KeyCompressionType) {
            let message = "keys are given uncompressed; leave the Key Compression Type out";
            return Err(Problem::new(ResultReason::KeyCompressionTypeNotSupported, message));
        }
        let specification = payload.get(Tag::KeyWrappingSpecification, read::structure)?;
        let found = match &specification {
            Some(_) => self.broker.reveal_object_to_wrap(&self.asker, self.vault.clone(), id).await?,
            None => self.broker.reveal_object(&self.asker, self.vault.clone(), id).await?,
        };
        let view = found.view;
        if let Some(item) = payload.item(Tag::KeyWrapType) {
            let as_registered = read::one_of(item, KeyWrapType::from_u32)? == KeyWrapType::AsRegistered;
            if !as_registered && object::is_wrapped(&view) {
                let message = "the key was registered wrapped, and its wrapping key is not known here";
                return Err(Problem::new(ResultReason::KeyValueNotPresent, message));
            }
        }
        let (format, bytes) = object::reformat(&view, found.bytes, wanted)?;
        let wrapped = match specification {
            Some(specification) => Some(self.wrap(&view, format, &bytes, specification).await?),
            None => None,
        };
        let given = object::write(&view, format, &bytes, wrapped)?;
        Ok(vec![of_word(Tag::ObjectType, view.kind()), id_item(id), given])
    }

    /// Wraps a key's value as a Key Wrapping Specification says.
    async fn wrap(
        &self,
        view: &ObjectView,
        format: KeyFormat,
        bytes: &Secret,
        specification: Fields<'_>,
    ) -> Result<WrappedValue, Problem> {
        let has_block = !matches!(
            view.kind(),
            ObjectKind::Certificate | ObjectKind::OpaqueObject | ObjectKind::PublicKey | ObjectKind::Template
        );
        if !has_block || object::is_wrapped(view) {
            let message = format!("a {} of this kind is not wrapped", view.kind());
            return Err(Problem::new(ResultReason::IllegalOperation, message));
        }
        let method =
            specification.item(Tag::WrappingMethod).ok_or_else(|| specification.missing(Tag::WrappingMethod))?;
        if read::one_of(method, WrappingMethod::from_u32)? != WrappingMethod::Encrypt
            || specification.has(Tag::MACSignatureKeyInformation)
        {
            return Err(Problem::unsupported(
                "keys are wrapped by encrypting them, without a MAC or signature beside it",
            ));
        }
        let information = specification.need(Tag::EncryptionKeyInformation, read::structure)?;
        let key = parse_id(information.need(Tag::UniqueIdentifier, read::text)?)?;
        let mut with = match information.get(Tag::CryptographicParameters, read::structure)? {
            Some(fields) => crypto_parameters(&fields)?,
            None => self.own_parameters(key).await?,
        };
        with.mode = with.mode.or(Some(BlockMode::NistKeyWrap));
        let encoding = specification.item(Tag::EncodingOption).cloned();
        let option = encoding.as_ref().map(|item| read::one_of(item, EncodingOption::from_u32)).transpose()?;
        let bare = option == Some(EncodingOption::NoEncoding);
        let names: Vec<&str> = specification.all(Tag::AttributeName).map(read::text).collect::<Result<_, _>>()?;
        if bare && !names.is_empty() {
            let message = "attributes are wrapped with a key in TTLV encoding alone";
            return Err(Problem::new(ResultReason::EncodingOptionError, message));
        }
        let beside = attribute::of_object(view).into_iter().filter(|one| names.contains(&one.name.as_str()));
        let attributes = beside.map(|one| one.write(self.minor)).collect();
        let data = match bare {
            true => Secret::copied_from(bytes.expose()),
            false => Secret::copied_from(&object::key_value(format, bytes, attributes)?.encode()),
        };
        let extras = CipherExtras::default();
        let ask = EncryptWithObject { vault: self.vault.clone(), id: key, with, data, extras, wraps: true };
        let sealed = self.broker.encrypt_with_object(&self.asker, ask).await?;
        let mut said = vec![method.clone()];
        said.extend(specification.item(Tag::EncryptionKeyInformation).cloned());
        said.extend(sealed.iv.map(|iv| Item::byte_string(Tag::IVCounterNonce, iv)));
        said.extend(encoding);
        Ok(WrappedValue { bytes: sealed.data, data: Item::structure(Tag::KeyWrappingData, said) })
    }
}
