//! Create, Create Key Pair, Register, Derive Key, Re-key and Re-key Key Pair (KMIP 1.4 sections 4.1 to 4.6).

use broker_core::broker::{
    CreateObject, CreateObjectPair, DeriveObject, LocateObjects, NewObject, ObjectView, RegisterObject, RekeyObject,
};
use broker_core::object::{Attributes, Curve, Derivation, Filter, ObjectAlgorithm, ObjectId, ObjectKind};
use broker_core::object_crypto::{DerivationParameters, PairSpec};
use broker_core::refusal::Refusal;

use super::{Desk, id_item, parse_id};
use crate::attribute::{self, Attribute};
use crate::name::Tag;
use crate::object;
use crate::read::{self, Fields};
use crate::refuse::Problem;
use crate::table::ResultReason;
use crate::translate::{OnWire, crypto_parameters, of_word};
use crate::ttlv::{Item, Value};
use crate::wire::Outcome;

/// Templates that one request may name.
const TEMPLATES_MAX: usize = 4;

/// What a request says of an object to be.
#[derive(Default)]
struct Wanted {
    attributes: Vec<Attribute>,
    algorithm: Option<ObjectAlgorithm>,
    bits: Option<u32>,
    curve: Option<Curve>,
}

impl Wanted {
    /// The algorithm and length are the broker's to keep; they are taken out of what the client sets.
    fn of(attributes: Vec<Attribute>) -> Result<Self, Problem> {
        let mut wanted = Self::default();
        for attribute in attributes {
            match attribute.name.as_str() {
                "Cryptographic Algorithm" => wanted.algorithm = Some(ObjectAlgorithm::read(&attribute.value)?),
                "Cryptographic Length" => wanted.bits = Some(read::count(&attribute.value)?),
                // Said again by some clients; the payload has it.
                "Object Type" => {}
                _ => {
                    if attribute.name == "Cryptographic Domain Parameters" {
                        let fields = Fields::of(&attribute.value)?;
                        wanted.curve = fields.get(Tag::RecommendedCurve, Curve::read)?;
                    }
                    wanted.attributes.push(attribute);
                }
            }
        }
        Ok(wanted)
    }

    /// What both halves of a pair have in common, and what this one has of its own, which counts more.
    fn over(self, common: &Self) -> Self {
        let own = |name: &str| self.attributes.iter().any(|attribute| attribute.name == name);
        let inherited = common.attributes.iter().filter(|attribute| !own(&attribute.name)).cloned();
        Self {
            algorithm: self.algorithm.or(common.algorithm),
            bits: self.bits.or(common.bits),
            curve: self.curve.or(common.curve),
            attributes: inherited.chain(self.attributes.clone()).collect(),
        }
    }

    fn new_object(&self, form: Vec<u8>) -> Result<NewObject, Problem> {
        Ok(NewObject { attributes: attribute::to_core(&self.attributes)?, form })
    }

    fn need_algorithm(&self) -> Result<ObjectAlgorithm, Problem> {
        self.algorithm.ok_or_else(|| missing("Cryptographic Algorithm"))
    }

    fn need_bits(&self) -> Result<u32, Problem> {
        self.bits.ok_or_else(|| missing("Cryptographic Length"))
    }

    fn pair(&self) -> Result<PairSpec, Problem> {
        match self.need_algorithm()? {
            ObjectAlgorithm::Rsa => Ok(PairSpec::Rsa { bits: self.need_bits()? }),
            algorithm @ (ObjectAlgorithm::Ec | ObjectAlgorithm::Ecdh | ObjectAlgorithm::Ecdsa) => {
                let by_length = match self.bits {
                    Some(256) => Some(Curve::P256),
                    Some(384) => Some(Curve::P384),
                    Some(521) => Some(Curve::P521),
                    _ => None,
                };
                let curve = self.curve.or(by_length).ok_or_else(|| missing("Recommended Curve"))?;
                Ok(PairSpec::Ec { algorithm, curve })
            }
            other => Err(Problem::invalid_field(format!("no pairs of {other} are made"))),
        }
    }
}

fn missing(what: &str) -> Problem {
    Problem::new(ResultReason::MissingData, format!("the attributes lack {what}"))
}

impl Desk<'_> {
    /// The attributes of a template attribute, those of the templates it names among them (section 2.1.8).
    async fn wanted(&self, payload: &Fields<'_>, tag: Tag) -> Result<Wanted, Problem> {
        let Some(template) = payload.get(tag, read::structure)? else { return Ok(Wanted::default()) };
        let mut attributes = attribute::read_all(template.all(Tag::Attribute))?;
        for (count, name) in template.all(Tag::Name).enumerate() {
            if count >= TEMPLATES_MAX {
                return Err(Problem::invalid_field(format!("a request names at most {TEMPLATES_MAX} templates")));
            }
            let said = self.template(attribute::name_of(name)?.text).await?;
            let known = attributes.iter().map(|attribute| attribute.name.clone()).collect::<Vec<_>>();
            attributes.extend(said.into_iter().filter(|attribute| !known.contains(&attribute.name)));
        }
        Wanted::of(attributes)
    }

    /// What a template says of the objects that are made from it.
    async fn template(&self, name: String) -> Result<Vec<Attribute>, Problem> {
        let filter = Filter { kind: Some(ObjectKind::Template), names: vec![name.clone()], ..Filter::default() };
        let ask = LocateObjects { vault: self.vault.clone(), filter, skip: 0, most: Some(1) };
        let found = self.broker.locate_objects(&self.asker, ask).await?;
        let Some(id) = found.first() else {
            return Err(Refusal::NotFound { what: format!("template {name:?}") }.into());
        };
        let template = self.broker.reveal_object(&self.asker, self.vault.clone(), *id).await?;
        let item = Item::decode(template.bytes.expose())?;
        attribute::read_all(Fields::of(&item)?.all(Tag::Attribute))
    }

    pub(super) async fn create(&mut self, payload: Fields<'_>) -> Outcome {
        let kind = payload.need(Tag::ObjectType, ObjectKind::read)?;
        if kind != ObjectKind::SymmetricKey {
            return Err(Problem::invalid_field(format!("a {kind} is not created; a Symmetric Key is")));
        }
        let wanted = self.wanted(&payload, Tag::TemplateAttribute).await?;
        let (algorithm, bits) = (wanted.need_algorithm()?, wanted.need_bits()?);
        let ask = CreateObject { vault: self.vault.clone(), algorithm, bits, new: wanted.new_object(Vec::new())? };
        let made = self.broker.create_object(&self.asker, ask).await?;
        self.placeholder = Some(made.id());
        Ok(vec![of_word(Tag::ObjectType, kind), id_item(made.id())])
    }

    pub(super) async fn create_key_pair(&mut self, payload: Fields<'_>) -> Outcome {
        let common = self.wanted(&payload, Tag::CommonTemplateAttribute).await?;
        let private = self.wanted(&payload, Tag::PrivateKeyTemplateAttribute).await?.over(&common);
        let public = self.wanted(&payload, Tag::PublicKeyTemplateAttribute).await?.over(&common);
        let spec = private.pair()?;
        if public.pair()? != spec {
            return Err(Problem::invalid_field("the halves of a pair are of one algorithm and length"));
        }
        let (private, public) = (private.new_object(Vec::new())?, public.new_object(Vec::new())?);
        let ask = CreateObjectPair { vault: self.vault.clone(), spec, private, public };
        let made = self.broker.create_object_pair(&self.asker, ask).await?;
        Ok(self.pair_made(&made))
    }

    fn pair_made(&mut self, (private, public): &(ObjectView, ObjectView)) -> Vec<Item> {
        self.placeholder = Some(private.id());
        vec![
            Item::text(Tag::PrivateKeyUniqueIdentifier, private.id().to_string()),
            Item::text(Tag::PublicKeyUniqueIdentifier, public.id().to_string()),
        ]
    }

    pub(super) async fn register(&mut self, payload: Fields<'_>) -> Outcome {
        let kind = payload.need(Tag::ObjectType, ObjectKind::read)?;
        let brought = object::read(kind, &payload)?;
        let mut wanted = self.wanted(&payload, Tag::TemplateAttribute).await?;
        wanted = wanted.over(&Wanted::of(brought.attributes)?);
        let ask = RegisterObject {
            vault: self.vault.clone(),
            kind,
            algorithm: brought.algorithm.or(wanted.algorithm),
            bits: brought.bits.or(wanted.bits),
            format: brought.format,
            new: wanted.new_object(brought.form)?,
            bytes: brought.bytes,
        };
        let kept = self.broker.register_object(&self.asker, ask).await?;
        self.placeholder = Some(kept.id());
        Ok(vec![id_item(kept.id())])
    }

    pub(super) async fn derive_key(&mut self, payload: Fields<'_>) -> Outcome {
        let kind = payload.need(Tag::ObjectType, ObjectKind::read)?;
        if !matches!(kind, ObjectKind::SecretData | ObjectKind::SymmetricKey) {
            return Err(Problem::invalid_field(format!("a {kind} is not derived")));
        }
        let ids: Result<Vec<ObjectId>, Problem> =
            payload.all(Tag::UniqueIdentifier).map(|item| parse_id(read::text(item)?)).collect();
        let bases = ids?;
        let first = *bases.first().ok_or_else(|| payload.missing(Tag::UniqueIdentifier))?;
        let parameters = payload.need(Tag::DerivationParameters, read::structure)?;
        let wanted = self.wanted(&payload, Tag::TemplateAttribute).await?;
        let algorithm = match kind {
            ObjectKind::SymmetricKey => Some(wanted.need_algorithm()?),
            _ => wanted.algorithm,
        };
        let with = DerivationParameters {
            parameters: match parameters.get(Tag::CryptographicParameters, read::structure)? {
                Some(fields) => crypto_parameters(&fields)?,
                None => self.own_parameters(first).await?,
            },
            iv: parameters.get(Tag::InitializationVector, read::bytes)?.map(<[u8]>::to_vec),
            data: parameters.get(Tag::DerivationData, read::secret)?,
            salt: parameters.get(Tag::Salt, read::bytes)?.map(<[u8]>::to_vec),
            iterations: parameters.get(Tag::IterationCount, read::count)?,
        };
        let ask = DeriveObject {
            vault: self.vault.clone(),
            bases,
            how: payload.need(Tag::DerivationMethod, Derivation::read)?,
            with,
            kind,
            algorithm,
            bits: wanted.need_bits()?,
            new: wanted.new_object(secret_form(kind))?,
        };
        let derived = self.broker.derive_object(&self.asker, ask).await?;
        self.placeholder = Some(derived.id());
        Ok(vec![id_item(derived.id())])
    }

    pub(super) async fn rekey(&mut self, payload: Fields<'_>) -> Outcome {
        let id = self.subject(&payload)?;
        let wanted = self.wanted(&payload, Tag::TemplateAttribute).await?;
        let ask = RekeyObject { vault: self.vault.clone(), id, offset_s: offset(&payload)? };
        let edit = |attributes: &mut Attributes| overwrite(attributes, &wanted.attributes);
        let made = self.broker.rekey_object(&self.asker, ask, &edit).await?;
        self.placeholder = Some(made.id());
        Ok(vec![id_item(made.id())])
    }

    pub(super) async fn rekey_key_pair(&mut self, payload: Fields<'_>) -> Outcome {
        let id = match payload.get(Tag::PrivateKeyUniqueIdentifier, read::text)? {
            Some(text) => parse_id(text)?,
            None => self.subject(&payload)?,
        };
        let common = self.wanted(&payload, Tag::CommonTemplateAttribute).await?;
        let mut private = self.wanted(&payload, Tag::PrivateKeyTemplateAttribute).await?.over(&common);
        let public = self.wanted(&payload, Tag::PublicKeyTemplateAttribute).await?.over(&common);
        let private_attributes = std::mem::take(&mut private.attributes);
        let old = self.broker.get_object(&self.asker, self.vault.clone(), id).await?;
        let as_it_was = Wanted { algorithm: old.algorithm(), bits: old.bits(), ..Wanted::default() };
        let spec = private.over(&as_it_was).pair()?;
        let ask = RekeyObject { vault: self.vault.clone(), id, offset_s: offset(&payload)? };
        let of_private = |attributes: &mut Attributes| overwrite(attributes, &private_attributes);
        let of_public = |attributes: &mut Attributes| overwrite(attributes, &public.attributes);
        let made = self.broker.rekey_object_pair(&self.asker, ask, spec, (&of_private, &of_public)).await?;
        Ok(self.pair_made(&made))
    }
}

/// Seconds until the new key becomes active.
fn offset(payload: &Fields<'_>) -> Result<Option<i64>, Problem> {
    Ok(payload.get(Tag::Offset, read::interval)?.map(i64::from))
}

/// Secret data are given back with their type; what is derived is a seed rather than a password.
fn secret_form(kind: ObjectKind) -> Vec<u8> {
    if kind != ObjectKind::SecretData {
        return Vec::new();
    }
    let seed = Item::enumeration(Tag::SecretDataType, crate::table::SecretDataType::Seed.value());
    Item { tag: Tag::SecretData, value: Value::Structure(vec![seed]) }.encode().to_vec()
}

/// What the client wants different in a key that replaces another.
fn overwrite(attributes: &mut Attributes, wanted: &[Attribute]) -> Result<(), Refusal> {
    let mut all = attribute::of_core(attributes);
    all.retain(|old| wanted.iter().all(|new| new.name != old.name));
    all.extend(wanted.iter().cloned());
    let links = std::mem::take(&mut attributes.links);
    *attributes = attribute::to_core(&all).map_err(|problem| Refusal::BadRequest { problem: problem.message() })?;
    attributes.links = links;
    Ok(())
}
