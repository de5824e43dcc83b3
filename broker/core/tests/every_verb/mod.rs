//! Every operation as one request on a prepared bench, so that what must hold for all of them is asked of all of them.

use broker_core::algorithm::{KeySpec, WrapAlgorithm, WrapExtras};
use broker_core::broker::{CreateKey, NewGrant, NewVault, UnwrapKey, VaultPatch, WrapKey};
use broker_core::entry::Asker;
use broker_core::grant::{GrantId, Granted, Scope};
use broker_core::key::VersionPatch;
use broker_core::name::{KeyName, VaultName};
use broker_core::permission::Permission;
use broker_core::refusal::Refusal;
use broker_core::secret::Secret;
use broker_core::verb::{self, Operation};
use broker_testkit::{Bench, anchor_name, backend_name, key_name, principal, run, vault_name};

/// The permission that each operation needs, and whether it changes anything; written down a second time, by hand.
pub const EXPECTED: [(Operation, Permission, bool); 33] = [
    (Operation::BackupKey, Permission::Backup, false),
    (Operation::CreateGrant, Permission::GrantWrite, true),
    (Operation::CreateKey, Permission::Create, true),
    (Operation::CreatePin, Permission::VaultManage, true),
    (Operation::CreateVault, Permission::VaultManage, true),
    (Operation::Decrypt, Permission::Decrypt, false),
    (Operation::DeleteKey, Permission::Delete, false),
    (Operation::Encrypt, Permission::Encrypt, false),
    (Operation::GetDeletedKey, Permission::Get, false),
    (Operation::GetKey, Permission::Get, false),
    (Operation::GetRotationPolicy, Permission::GetRotationPolicy, false),
    (Operation::ImportKey, Permission::Import, false),
    (Operation::ListDeletedKeys, Permission::List, false),
    (Operation::ListGrants, Permission::GrantRead, false),
    (Operation::ListKeys, Permission::List, false),
    (Operation::ListPins, Permission::VaultManage, false),
    (Operation::ListVaults, Permission::VaultManage, false),
    (Operation::ListVersions, Permission::List, false),
    (Operation::PurgeKey, Permission::Purge, false),
    (Operation::RandomBytes, Permission::Rng, false),
    (Operation::RecoverKey, Permission::Recover, false),
    (Operation::ReleaseKey, Permission::Release, false),
    (Operation::RemoveGrant, Permission::GrantWrite, true),
    (Operation::RemovePin, Permission::VaultManage, true),
    (Operation::RestoreKey, Permission::Restore, false),
    (Operation::RotateKey, Permission::Rotate, true),
    (Operation::SetRotationPolicy, Permission::SetRotationPolicy, false),
    (Operation::Sign, Permission::Sign, false),
    (Operation::UnwrapKey, Permission::UnwrapKey, false),
    (Operation::UpdateKey, Permission::Update, true),
    (Operation::UpdateVault, Permission::VaultManage, true),
    (Operation::Verify, Permission::Verify, false),
    (Operation::WrapKey, Permission::WrapKey, false),
];

/// What the requests are about.
#[derive(Debug, Clone)]
pub struct Target {
    pub vault: VaultName,
    pub key: KeyName,
    pub grant: GrantId,
    pub wrapped: Vec<u8>,
}

impl Target {
    /// A key `k` in `vault1`, something wrapped under it, a pin `old`, and a grant that can be taken back.
    pub fn prepared(bench: &Bench) -> Self {
        bench.make_key("k", KeySpec::Rsa2048);
        let wrapped = bench.wrap(&bench.admin(), "k", b"a secret").unwrap().wrapped.value;
        run(bench.broker.create_pin(&bench.admin(), anchor_name("old"), [1; 32])).unwrap();
        let grant = bench.give("corp/dns:other", &[Permission::Get], Scope::Broker).id;
        Self { vault: bench.vault(), key: key_name("k"), grant, wrapped }
    }
}

/// Asks for one operation on the target. What is allowed but not implemented counts as done.
pub async fn ask(operation: Operation, bench: &Bench, on: &Target, asker: &Asker) -> Result<(), Refusal> {
    let (broker, vault, key) = (&bench.broker, on.vault.clone(), on.key.clone());
    match operation {
        Operation::CreateGrant => broker.create_grant(asker, a_grant()).await.map(drop),
        Operation::CreateKey => {
            let ask = CreateKey { vault, ..bench.create_ask("new", KeySpec::EcP256) };
            broker.create_key(asker, ask).await.map(drop)
        }
        Operation::CreatePin => broker.create_pin(asker, anchor_name("new"), [2; 32]).await.map(drop),
        Operation::CreateVault => broker.create_vault(asker, a_vault()).await.map(drop),
        Operation::Decrypt => broker.decrypt(asker, an_unwrap(on)).await.map(drop),
        Operation::Encrypt => broker.encrypt(asker, a_wrap(on)).await.map(drop),
        Operation::GetKey => broker.get_key(asker, vault, key, None).await.map(drop),
        Operation::ListGrants => broker.list_grants(asker, Scope::Broker).await.map(drop),
        Operation::ListKeys => broker.list_keys(asker, vault, None, 25).await.map(drop),
        Operation::ListPins => broker.list_pins(asker).await.map(drop),
        Operation::ListVaults => broker.list_vaults(asker).await.map(drop),
        Operation::ListVersions => broker.list_versions(asker, vault, key, None, 25).await.map(drop),
        Operation::RandomBytes => broker.random_bytes(asker, vault, 16).await.map(drop),
        Operation::RemoveGrant => broker.remove_grant(asker, on.grant).await,
        Operation::RemovePin => broker.remove_pin(asker, anchor_name("old")).await,
        Operation::RotateKey => broker.rotate_key(asker, vault, key).await.map(drop),
        Operation::UnwrapKey => broker.unwrap_key(asker, an_unwrap(on)).await.map(drop),
        Operation::UpdateKey => {
            let patch = VersionPatch { enabled: Some(true), ..VersionPatch::default() };
            broker.update_key(asker, vault, key, None, patch).await.map(drop)
        }
        Operation::UpdateVault => {
            let patch = VaultPatch { purge_protection: Some(true), hsm_backend: None };
            broker.update_vault(asker, vault, patch).await.map(drop)
        }
        Operation::WrapKey => broker.wrap_key(asker, a_wrap(on)).await.map(drop),
        Operation::BackupKey => unimplemented_yet::<verb::BackupKey>(bench, asker, on).await,
        Operation::DeleteKey => unimplemented_yet::<verb::DeleteKey>(bench, asker, on).await,
        Operation::GetDeletedKey => unimplemented_yet::<verb::GetDeletedKey>(bench, asker, on).await,
        Operation::GetRotationPolicy => unimplemented_yet::<verb::GetRotationPolicy>(bench, asker, on).await,
        Operation::ImportKey => unimplemented_yet::<verb::ImportKey>(bench, asker, on).await,
        Operation::ListDeletedKeys => unimplemented_yet::<verb::ListDeletedKeys>(bench, asker, on).await,
        Operation::PurgeKey => unimplemented_yet::<verb::PurgeKey>(bench, asker, on).await,
        Operation::RecoverKey => unimplemented_yet::<verb::RecoverKey>(bench, asker, on).await,
        Operation::ReleaseKey => unimplemented_yet::<verb::ReleaseKey>(bench, asker, on).await,
        Operation::RestoreKey => unimplemented_yet::<verb::RestoreKey>(bench, asker, on).await,
        Operation::SetRotationPolicy => unimplemented_yet::<verb::SetRotationPolicy>(bench, asker, on).await,
        Operation::Sign => unimplemented_yet::<verb::Sign>(bench, asker, on).await,
        Operation::Verify => unimplemented_yet::<verb::Verify>(bench, asker, on).await,
    }
}

async fn unimplemented_yet<V: verb::Verb>(bench: &Bench, asker: &Asker, on: &Target) -> Result<(), Refusal> {
    let scope = Scope::Key(on.vault.clone(), on.key.clone());
    match bench.broker.refuse_unimplemented::<V>(asker, scope).await {
        Err(Refusal::NotImplemented { operation }) if operation == V::OPERATION.word() => Ok(()),
        Err(refusal) => Err(refusal),
        Ok(()) => panic!("{} is served without being implemented", V::OPERATION),
    }
}

/// No wider than what a bare holder of `grantWrite` has itself.
fn a_grant() -> NewGrant {
    NewGrant {
        principal: principal("corp/dns:friend"),
        granted: Granted::Permissions([Permission::GrantWrite].into_iter().collect()),
        scope: Scope::Broker,
        not_before_s: None,
        not_after_s: None,
        justification: String::new(),
    }
}

fn a_vault() -> NewVault {
    NewVault {
        name: vault_name("new-vault"),
        backend: backend_name("software"),
        hsm_backend: None,
        soft_delete_days: None,
        purge_protection: false,
    }
}

fn a_wrap(on: &Target) -> WrapKey {
    WrapKey {
        vault: on.vault.clone(),
        key: on.key.clone(),
        version: None,
        algorithm: WrapAlgorithm::RsaOaep256,
        secret: Secret::copied_from(b"a secret"),
        extras: WrapExtras::default(),
    }
}

fn an_unwrap(on: &Target) -> UnwrapKey {
    UnwrapKey {
        vault: on.vault.clone(),
        key: on.key.clone(),
        version: None,
        algorithm: WrapAlgorithm::RsaOaep256,
        value: on.wrapped.clone(),
        extras: WrapExtras::default(),
    }
}
