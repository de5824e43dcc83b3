//! Encrypt, Decrypt, Sign, Signature Verify, MAC, MAC Verify, RNG Retrieve and Hash (KMIP 1.4 sections 4.29 to 4.37).

use broker_core::broker::{DecryptWithObject, EncryptWithObject, RANDOM_BYTES_MAX, SignWithObject, VerifyWithObject};
use broker_core::object::ObjectId;
use broker_core::object_crypto::{CipherExtras, CryptoParameters};
use broker_core::refusal::Refusal;
use zeroize::Zeroizing;

use super::{Desk, id_item};
use crate::name::Tag;
use crate::read::{self, Fields};
use crate::refuse::Problem;
use crate::table::ValidityIndicator;
use crate::translate::crypto_parameters;
use crate::ttlv::{Item, Value};
use crate::wire::Outcome;

/// Random bytes in one answer.
const RNG_BYTES_MAX: usize = 16 * RANDOM_BYTES_MAX;

impl Desk<'_> {
    /// The request's Cryptographic Parameters, or the object's own with the lowest index.
    async fn parameters(&self, payload: &Fields<'_>, id: ObjectId) -> Result<CryptoParameters, Problem> {
        match payload.get(Tag::CryptographicParameters, read::structure)? {
            Some(fields) => crypto_parameters(&fields),
            None => self.own_parameters(id).await,
        }
    }

    /// What an object says of how it is used; nothing for who may use it and not see that.
    pub(super) async fn own_parameters(&self, id: ObjectId) -> Result<CryptoParameters, Problem> {
        let view = match self.broker.get_object(&self.asker, self.vault.clone(), id).await {
            Ok(view) => view,
            Err(Refusal::Forbidden(_)) => return Ok(CryptoParameters::default()),
            Err(refusal) => return Err(refusal.into()),
        };
        let custom = &view.attributes().custom;
        let own = custom.iter().filter(|one| one.name == "Cryptographic Parameters").min_by_key(|one| one.index);
        match own {
            Some(own) => crypto_parameters(&Fields::of(&Item::decode(&own.value)?)?),
            None => Ok(CryptoParameters::default()),
        }
    }

    pub(super) async fn encrypt(&mut self, payload: Fields<'_>) -> Outcome {
        let id = self.subject(&payload)?;
        check_whole(&payload)?;
        let with = self.parameters(&payload, id).await?;
        let data = payload.need(Tag::Data, read::secret)?;
        let extras = extras(&payload)?;
        let ask = EncryptWithObject { vault: self.vault.clone(), id, with, data, extras, wraps: false };
        let made = self.broker.encrypt_with_object(&self.asker, ask).await?;
        let mut items = vec![id_item(id), Item::byte_string(Tag::Data, made.data)];
        items.extend(made.iv.map(|iv| Item::byte_string(Tag::IVCounterNonce, iv)));
        items.extend(made.tag.map(|tag| Item::byte_string(Tag::AuthenticatedEncryptionTag, tag)));
        Ok(items)
    }

    pub(super) async fn decrypt(&mut self, payload: Fields<'_>) -> Outcome {
        let id = self.subject(&payload)?;
        check_whole(&payload)?;
        let with = self.parameters(&payload, id).await?;
        let data = payload.need(Tag::Data, read::bytes)?.to_vec();
        let extras = extras(&payload)?;
        let ask = DecryptWithObject { vault: self.vault.clone(), id, with, data, extras, unwraps: false };
        let plain = self.broker.decrypt_with_object(&self.asker, ask).await?;
        Ok(vec![id_item(id), Item::byte_string(Tag::Data, plain.expose())])
    }

    pub(super) async fn sign(&mut self, payload: Fields<'_>) -> Outcome {
        let ask = self.signing(&payload).await?;
        let id = ask.id;
        let signature = self.broker.sign_with_object(&self.asker, ask).await?;
        Ok(vec![id_item(id), Item::byte_string(Tag::SignatureData, signature)])
    }

    pub(super) async fn signature_verify(&mut self, payload: Fields<'_>) -> Outcome {
        let of = self.signing(&payload).await?;
        let (id, proof) = (of.id, payload.need(Tag::SignatureData, read::bytes)?.to_vec());
        let valid = self.broker.verify_with_object(&self.asker, VerifyWithObject { of, proof }).await?;
        Ok(vec![id_item(id), verdict(valid)])
    }

    pub(super) async fn mac(&mut self, payload: Fields<'_>) -> Outcome {
        let ask = self.signing(&payload).await?;
        let id = ask.id;
        let mac = self.broker.mac_with_object(&self.asker, ask).await?;
        Ok(vec![id_item(id), Item::byte_string(Tag::MACData, mac)])
    }

    pub(super) async fn mac_verify(&mut self, payload: Fields<'_>) -> Outcome {
        let of = self.signing(&payload).await?;
        let (id, proof) = (of.id, payload.need(Tag::MACData, read::bytes)?.to_vec());
        let valid = self.broker.mac_verify_with_object(&self.asker, VerifyWithObject { of, proof }).await?;
        Ok(vec![id_item(id), verdict(valid)])
    }

    async fn signing(&mut self, payload: &Fields<'_>) -> Result<SignWithObject, Problem> {
        let id = self.subject(payload)?;
        check_whole(payload)?;
        let with = self.parameters(payload, id).await?;
        // KMIP 1.4 lets the client bring the digest instead of the data.
        let digest = payload.get(Tag::DigestedData, read::bytes)?;
        let data = match digest {
            Some(digest) => digest.to_vec(),
            None => payload.need(Tag::Data, read::bytes)?.to_vec(),
        };
        Ok(SignWithObject { vault: self.vault.clone(), id, with, data, digested: digest.is_some() })
    }

    pub(super) async fn rng_retrieve(&mut self, payload: Fields<'_>) -> Outcome {
        let wanted = payload.need(Tag::DataLength, read::count)?;
        let wanted = usize::try_from(wanted).ok().filter(|count| (1..=RNG_BYTES_MAX).contains(count));
        let wanted = wanted
            .ok_or_else(|| Problem::invalid_field(format!("1 to {RNG_BYTES_MAX} random bytes are given at once")))?;
        let mut bytes = Zeroizing::new(Vec::with_capacity(wanted));
        while bytes.len() < wanted {
            let count = (wanted - bytes.len()).min(RANDOM_BYTES_MAX);
            let drawn = self.broker.random_bytes(&self.asker, self.vault.clone(), count).await?;
            bytes.extend_from_slice(drawn.expose());
        }
        Ok(vec![Item { tag: Tag::Data, value: Value::ByteString(bytes) }])
    }

    pub(super) async fn hash(&mut self, payload: Fields<'_>) -> Outcome {
        check_whole(&payload)?;
        let with = crypto_parameters(&payload.need(Tag::CryptographicParameters, read::structure)?)?;
        let hash = with.hash.ok_or_else(|| payload.missing(Tag::HashingAlgorithm))?;
        let data = payload.need(Tag::Data, read::bytes)?;
        let digest = self.broker.hash_data(&self.asker, self.vault.clone(), hash, data).await?;
        Ok(vec![Item::byte_string(Tag::Data, digest)])
    }
}

/// Data come in one piece: what is first and last at once needs no memory between requests.
fn check_whole(payload: &Fields<'_>) -> Result<(), Problem> {
    let indicator = |tag| payload.get(tag, read::boolean);
    let (first, last) = (indicator(Tag::InitIndicator)?, indicator(Tag::FinalIndicator)?);
    let whole = first.is_none_or(|first| first) && last.is_none_or(|last| last) && first.is_some() == last.is_some();
    if whole && !payload.has(Tag::CorrelationValue) {
        return Ok(());
    }
    Err(Problem::unsupported("data are taken in one piece; streaming is not served"))
}

fn extras(payload: &Fields<'_>) -> Result<CipherExtras, Problem> {
    let bytes = |tag| -> Result<Option<Vec<u8>>, Problem> { Ok(payload.get(tag, read::bytes)?.map(<[u8]>::to_vec)) };
    Ok(CipherExtras {
        iv: bytes(Tag::IVCounterNonce)?,
        aad: bytes(Tag::AuthenticatedEncryptionAdditionalData)?.unwrap_or_default(),
        tag: bytes(Tag::AuthenticatedEncryptionTag)?,
    })
}

fn verdict(valid: bool) -> Item {
    let verdict = if valid { ValidityIndicator::Valid } else { ValidityIndicator::Invalid };
    Item::enumeration(Tag::ValidityIndicator, verdict.value())
}
