//! The operations on managed objects.

use std::sync::Arc;

use broker_core::broker::{
    CreateObject, CreateObjectPair, DecryptWithObject, DeriveObject, EncryptWithObject, Journal, LocateObjects,
    NewObject, RegisterObject, RekeyObject, SignWithObject, VerifyWithObject,
};
use broker_core::entry::Asker;
use broker_core::name::VaultName;
use broker_core::object::{
    Attributes, Curve, Derivation, Filter, HashName, KeyFormat, ObjectAlgorithm, ObjectId, ObjectKind, Revocation,
    RevocationReason, UsageMask,
};
use broker_core::object_crypto::{CipherExtras, CryptoParameters, DerivationParameters, PairSpec};
use broker_core::refusal::Refusal;
use broker_core::secret::Secret;
use broker_core::verb::Operation;
use broker_testkit::{Bench, run};

use super::Target;

/// Every use that the broker carries out.
pub const EVERY_USE: UsageMask = UsageMask(0x3bf);

/// Managed objects, each for what it is named after. All but `doomed` and `idle` are active.
#[derive(Debug, Clone)]
pub struct Objects {
    pub cipher: ObjectId,
    pub doomed: ObjectId,
    pub idle: ObjectId,
    pub mac: ObjectId,
    pub private: ObjectId,
    pub public: ObjectId,
    /// Of a request that made one.
    pub journal: Arc<Journal>,
    /// (ciphertext, IV) under `cipher`.
    pub encrypted: (Vec<u8>, Vec<u8>),
}

impl Objects {
    pub fn prepared(bench: &Bench) -> Self {
        let (admin, now_s) = (bench.admin(), bench.clock.now_s());
        let make = |algorithm, activation_s| {
            let mut ask = a_key(bench.vault(), algorithm);
            ask.new.attributes.activation_s = activation_s;
            run(bench.broker.create_object(&admin, ask)).unwrap().id()
        };
        let cipher = make(ObjectAlgorithm::Aes, Some(now_s));
        let (private, public) = run(bench.broker.create_object_pair(&admin, a_pair(bench.vault(), now_s))).unwrap();
        let encrypted = run(bench.broker.encrypt_with_object(&admin, an_encrypt(bench.vault(), cipher))).unwrap();
        let objects = Self {
            cipher,
            doomed: make(ObjectAlgorithm::Aes, None),
            idle: make(ObjectAlgorithm::Aes, None),
            mac: make(ObjectAlgorithm::HmacSha256, Some(now_s)),
            private: private.id(),
            public: public.id(),
            journal: Arc::default(),
            encrypted: (encrypted.data, encrypted.iv.unwrap()),
        };
        // Something whose date comes, and something to re-wrap.
        make(ObjectAlgorithm::Aes, Some(now_s + 1));
        run(bench.broker.rotate_kek(&admin, bench.vault())).unwrap();
        // Under the newest version, so that nobody else changes it.
        let noted = Asker { journal: Some(Arc::clone(&objects.journal)), ..admin };
        run(bench.broker.create_object(&noted, a_key(bench.vault(), ObjectAlgorithm::Aes))).unwrap();
        bench.clock.advance_s(1);
        objects
    }
}

pub fn a_key(vault: VaultName, algorithm: ObjectAlgorithm) -> CreateObject {
    let attributes = Attributes { usage: EVERY_USE, ..Attributes::default() };
    CreateObject { vault, algorithm, bits: 256, new: NewObject { attributes, form: Vec::new() } }
}

fn a_pair(vault: VaultName, activation_s: i64) -> CreateObjectPair {
    let attributes = Attributes { usage: EVERY_USE, activation_s: Some(activation_s), ..Attributes::default() };
    let new = NewObject { attributes, form: Vec::new() };
    let spec = PairSpec::Ec { algorithm: ObjectAlgorithm::Ecdsa, curve: Curve::P256 };
    CreateObjectPair { vault, spec, private: new.clone(), public: new }
}

fn with_iv() -> CryptoParameters {
    CryptoParameters { mode: Some(broker_core::object::BlockMode::Ctr), random_iv: true, ..CryptoParameters::default() }
}

fn an_encrypt(vault: VaultName, id: ObjectId) -> EncryptWithObject {
    let data = Secret::copied_from(b"data");
    EncryptWithObject { vault, id, with: with_iv(), data, extras: CipherExtras::default(), wraps: false }
}

fn a_sign(vault: VaultName, id: ObjectId) -> SignWithObject {
    let with = CryptoParameters { hash: Some(HashName::Sha256), ..CryptoParameters::default() };
    SignWithObject { vault, id, with, data: b"data".to_vec(), digested: false }
}

fn a_derivation(vault: VaultName, base: ObjectId) -> DeriveObject {
    let with = DerivationParameters {
        parameters: CryptoParameters { hash: Some(HashName::Sha256), ..CryptoParameters::default() },
        data: Some(Secret::copied_from(b"info")),
        ..DerivationParameters::default()
    };
    DeriveObject {
        vault,
        bases: vec![base],
        how: Derivation::Hmac,
        with,
        kind: ObjectKind::SymmetricKey,
        algorithm: Some(ObjectAlgorithm::Aes),
        bits: 256,
        new: NewObject::default(),
    }
}

pub async fn ask(operation: Operation, bench: &Bench, on: &Target, asker: &Asker) -> Result<(), Refusal> {
    let (broker, vault, objects) = (&bench.broker, on.vault.clone(), &on.objects);
    match operation {
        Operation::ActivateObject => broker.activate_object(asker, vault, objects.idle).await.map(drop),
        Operation::CreateObject => broker.create_object(asker, a_key(vault, ObjectAlgorithm::Aes)).await.map(drop),
        Operation::DecryptWithObject => {
            let (data, iv) = objects.encrypted.clone();
            let (extras, with) = (CipherExtras { iv: Some(iv), ..CipherExtras::default() }, with_iv());
            let ask = DecryptWithObject { vault, id: objects.cipher, with, data, extras, unwraps: false };
            broker.decrypt_with_object(asker, ask).await.map(drop)
        }
        Operation::DeriveObject => broker.derive_object(asker, a_derivation(vault, objects.mac)).await.map(drop),
        Operation::DestroyObject => broker.destroy_object(asker, vault, objects.doomed).await.map(drop),
        Operation::EncryptWithObject => {
            broker.encrypt_with_object(asker, an_encrypt(vault, objects.cipher)).await.map(drop)
        }
        Operation::GetObject => broker.get_object(asker, vault, objects.cipher).await.map(drop),
        Operation::HashData => broker.hash_data(asker, vault, HashName::Sha256, b"data").await.map(drop),
        Operation::LocateObjects => {
            let filter = Filter { kind: Some(ObjectKind::PublicKey), ..Filter::default() };
            broker.locate_objects(asker, LocateObjects { vault, filter, skip: 0, most: None }).await.map(drop)
        }
        Operation::MacVerifyWithObject => {
            let ask = VerifyWithObject { of: a_sign(vault, objects.mac), proof: vec![0; 32] };
            broker.mac_verify_with_object(asker, ask).await.map(drop)
        }
        Operation::MacWithObject => broker.mac_with_object(asker, a_sign(vault, objects.mac)).await.map(drop),
        Operation::RegisterObject => {
            let (kind, format, new) = (ObjectKind::SecretData, KeyFormat::Opaque, NewObject::default());
            let bytes = Secret::copied_from(b"a password");
            let ask = RegisterObject { vault, kind, algorithm: None, bits: None, format, new, bytes };
            broker.register_object(asker, ask).await.map(drop)
        }
        Operation::RekeyObject => {
            let ask = RekeyObject { vault, id: objects.cipher, offset_s: None };
            broker.rekey_object(asker, ask, &|_| Ok(())).await.map(drop)
        }
        Operation::RevealObject => broker.reveal_object(asker, vault, objects.mac).await.map(drop),
        Operation::RevokeObject => {
            let why = Revocation { reason: RevocationReason::KeyCompromise, message: None };
            broker.revoke_object(asker, vault, objects.public, why, None).await.map(drop)
        }
        Operation::RewrapObjects => broker.rewrap_objects(asker, vault).await.map(drop),
        Operation::RotateKek => broker.rotate_kek(asker, vault).await.map(drop),
        Operation::SettleObjects => broker.settle_objects(asker).await.map(drop),
        Operation::SignWithObject => broker.sign_with_object(asker, a_sign(vault, objects.private)).await.map(drop),
        Operation::UndoObjects => broker.undo_objects(asker, vault, &objects.journal).await,
        Operation::UpdateObject => {
            let edit: broker_core::broker::Edit<'_> = &|attributes| {
                attributes.groups.push(broker_core::object::Indexed { index: 0, value: "group".to_owned() });
                Ok(())
            };
            broker.update_object(asker, vault, objects.idle, "Object Group", edit).await.map(drop)
        }
        Operation::VerifyWithObject => {
            let ask = VerifyWithObject { of: a_sign(vault, objects.public), proof: vec![0; 64] };
            broker.verify_with_object(asker, ask).await.map(drop)
        }
        other => panic!("{other} is no operation on a managed object"),
    }
}
