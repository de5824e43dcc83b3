//! Every operation as one request on a prepared bench, so that what must hold for all of them is asked of all of them.

mod objects;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use broker_core::algorithm::{KeySpec, SignAlgorithm, WrapAlgorithm, WrapExtras};
use broker_core::broker::{CreateKey, Given, NewGrant, NewVault, Sign, UnwrapKey, VaultPatch, WrapKey};
use broker_core::elevation::ELEVATION_WAITS_S_MAX;
use broker_core::entry::{Asker, Outcome};
use broker_core::grant::{GrantId, Granted, Scope};
use broker_core::imported::ImportedKey;
use broker_core::key::VersionPatch;
use broker_core::name::{KeyName, VaultName};
use broker_core::permission::{Permission, Role};
use broker_core::refusal::Refusal;
use broker_core::secret::Secret;
use broker_core::usage::Used;
use broker_core::verb::{self, Operation};
use broker_testkit::store_questions::policy;
use broker_testkit::{Bench, SECOND, anchor_name, backend_name, key_name, principal, run, vault_name};

pub use objects::Objects;

/// The permission that each operation needs, and whether it changes anything; written down a second time, by hand.
pub const EXPECTED: [(Operation, Permission, bool); 85] = [
    (Operation::AcceptClock, Permission::VaultManage, true),
    (Operation::ActivateObject, Permission::Update, true),
    (Operation::ApproveElevation, Permission::GrantWrite, true),
    (Operation::AssignIdentity, Permission::GrantWrite, true),
    (Operation::BackUpBackend, Permission::VaultManage, true),
    (Operation::BackupKey, Permission::Backup, false),
    (Operation::BackupStore, Permission::StoreManage, true),
    (Operation::CreateGrant, Permission::GrantWrite, true),
    (Operation::CreateIdentity, Permission::VaultManage, true),
    (Operation::CreateKey, Permission::Create, true),
    (Operation::CreateObject, Permission::Create, true),
    (Operation::CreatePin, Permission::VaultManage, true),
    (Operation::CreateVault, Permission::VaultManage, true),
    (Operation::Decrypt, Permission::Decrypt, false),
    (Operation::DecryptWithObject, Permission::Decrypt, false),
    (Operation::DeleteVault, Permission::VaultManage, true),
    (Operation::DeriveObject, Permission::ObjectDerive, true),
    (Operation::DestroyObject, Permission::Purge, true),
    (Operation::DeleteIdentity, Permission::VaultManage, true),
    (Operation::DeleteKey, Permission::Delete, true),
    (Operation::DenyElevation, Permission::GrantWrite, true),
    (Operation::Encrypt, Permission::Encrypt, false),
    (Operation::EncryptWithObject, Permission::Encrypt, false),
    (Operation::Examine, Permission::GrantRead, false),
    (Operation::ExpireElevation, Permission::VaultManage, true),
    (Operation::GetDeletedKey, Permission::Get, false),
    (Operation::GetKey, Permission::Get, false),
    (Operation::GetGrant, Permission::GrantRead, false),
    (Operation::GetRole, Permission::GrantRead, false),
    (Operation::GetObject, Permission::Get, false),
    (Operation::GetRotationPolicy, Permission::GetRotationPolicy, false),
    (Operation::HashData, Permission::Rng, false),
    (Operation::ImportKey, Permission::Import, true),
    (Operation::ListDeletedKeys, Permission::List, false),
    (Operation::ListElevations, Permission::GrantRead, false),
    (Operation::ListGrants, Permission::GrantRead, false),
    (Operation::ListIdentities, Permission::VaultManage, false),
    (Operation::ListKeys, Permission::List, false),
    (Operation::ListPins, Permission::VaultManage, false),
    (Operation::ListRoles, Permission::GrantRead, false),
    (Operation::ListVaults, Permission::VaultManage, false),
    (Operation::ListVersions, Permission::List, false),
    (Operation::LoadBackend, Permission::VaultManage, true),
    (Operation::LocateObjects, Permission::List, false),
    (Operation::LockKey, Permission::VaultManage, true),
    (Operation::LockVault, Permission::VaultManage, true),
    (Operation::NoteUsage, Permission::VaultManage, false),
    (Operation::MacVerifyWithObject, Permission::Verify, false),
    (Operation::MacWithObject, Permission::Sign, false),
    (Operation::NotifyKey, Permission::Rotate, true),
    (Operation::PurgeKey, Permission::Purge, true),
    (Operation::PurgeVault, Permission::Purge, true),
    (Operation::RandomBytes, Permission::Rng, false),
    (Operation::ReadUsage, Permission::GrantRead, false),
    (Operation::RecoverKey, Permission::Recover, true),
    (Operation::RecoverVault, Permission::VaultManage, true),
    (Operation::RegisterObject, Permission::Import, true),
    (Operation::RekeyObject, Permission::Rotate, true),
    (Operation::ReleaseKey, Permission::Release, false),
    (Operation::ReloadTrust, Permission::VaultManage, true),
    (Operation::RemoveGrant, Permission::GrantWrite, true),
    (Operation::RemovePin, Permission::VaultManage, true),
    (Operation::RestoreBackend, Permission::VaultManage, true),
    (Operation::RestoreKey, Permission::Restore, true),
    (Operation::RestoreStore, Permission::StoreManage, true),
    (Operation::RevealObject, Permission::ObjectReveal, false),
    (Operation::RevokeObject, Permission::Update, true),
    (Operation::RewrapObjects, Permission::Rotate, true),
    (Operation::RotateKek, Permission::Rotate, true),
    (Operation::RotateKey, Permission::Rotate, true),
    (Operation::RotateRoot, Permission::StoreManage, true),
    (Operation::SetRotationPolicy, Permission::SetRotationPolicy, true),
    (Operation::SettleObjects, Permission::Update, true),
    (Operation::Sign, Permission::Sign, false),
    (Operation::SignWithObject, Permission::Sign, false),
    (Operation::UnassignIdentity, Permission::GrantWrite, true),
    (Operation::UndoObjects, Permission::Update, true),
    (Operation::UnwrapKey, Permission::UnwrapKey, false),
    (Operation::UpdateKey, Permission::Update, true),
    (Operation::UpdateObject, Permission::Update, true),
    (Operation::UpdateVault, Permission::VaultManage, true),
    (Operation::Verify, Permission::Verify, false),
    (Operation::VerifyWithObject, Permission::Verify, false),
    (Operation::WrapKey, Permission::WrapKey, false),
    (Operation::WriteRole, Permission::GrantWrite, false),
];

/// What the requests are about.
#[derive(Debug, Clone)]
pub struct Target {
    pub vault: VaultName,
    pub key: KeyName,
    pub grant: GrantId,
    /// One to approve, one to deny, one that waited too long.
    pub waiting: [GrantId; 3],
    pub wrapped: Vec<u8>,
    /// Of a key that is there no more.
    pub backup: Vec<u8>,
    /// Managed objects of the administrator's.
    pub objects: Objects,
    /// How often the clock was accepted, or an act of upkeep was carried out.
    pub accepted: Arc<AtomicUsize>,
}

impl Target {
    /// A key `k` in `vault1`, something wrapped under it, another key that is to be deleted and three that are deleted, the
    /// backup of one that is gone, a pin `old`, a grant that can be taken back, an empty vault to be deleted and two that are.
    pub fn prepared(bench: &Bench) -> Self {
        bench.make_key("k", KeySpec::Rsa2048);
        let wrapped = bench.wrap(&bench.admin(), "k", b"a secret").unwrap().wrapped.value;
        run(bench.broker.create_pin(&bench.admin(), anchor_name("old"), [1; 32])).unwrap();
        for key in ["doomed", "bin", "sleeping", "dead", "gone"] {
            bench.make_key(key, KeySpec::Oct256);
        }
        let (admin, vault) = (bench.admin(), bench.vault());
        let backup = run(bench.broker.backup_key(&admin, bench.vault(), key_name("gone"))).unwrap();
        for key in ["bin", "sleeping", "dead", "gone"] {
            run(bench.broker.delete_key(&admin, bench.vault(), key_name(key))).unwrap();
        }
        run(bench.broker.purge_key(&admin, bench.vault(), key_name("gone"))).unwrap();
        let objects = Objects::prepared(bench);
        for name in ["old-vault", "sleeping-vault", "dead-vault"] {
            let vault = NewVault::new(vault_name(name), backend_name("software"));
            run(bench.broker.create_vault(&admin, vault)).unwrap();
        }
        for name in ["sleeping-vault", "dead-vault"] {
            run(bench.broker.delete_vault(&admin, vault_name(name))).unwrap();
        }
        let grant = bench.give("corp/dns:other", &[Permission::Get], Scope::Broker).id;
        let waiting = waiting(bench);
        for name in ["busy", "doomed", "idle"] {
            run(bench.broker.create_identity(&admin, anchor_name(name), None)).unwrap();
        }
        run(bench.broker.assign_identity(&admin, anchor_name("busy"), principal("corp/dns:other"))).unwrap();
        Self { vault, key: key_name("k"), grant, waiting, wrapped, backup, objects, accepted: Arc::default() }
    }
}

/// Grants that wait, in a vault of their own; the last one has waited too long.
fn waiting(bench: &Bench) -> [GrantId; 3] {
    let admin = bench.admin();
    bench.give_role(SECOND, Role::Administrator, Scope::Broker);
    let strict = NewVault { name: vault_name("strict"), elevation_approval: true, ..a_vault() };
    run(bench.broker.create_vault(&admin, strict)).unwrap();
    let asked = |_| {
        let scope = Scope::Vault(vault_name("strict"));
        let ask = NewGrant { scope, justification: "for the table".to_owned(), ..a_grant() };
        match run(bench.broker.ask_for_grant(&admin, ask)).unwrap() {
            Given::Elevation(elevation) => elevation.grant.id,
            Given::Grant(grant) => panic!("not left waiting: {grant:?}"),
        }
    };
    let late = asked(());
    bench.clock.advance_s(u64::try_from(ELEVATION_WAITS_S_MAX).unwrap() + 1);
    [asked(()), asked(()), late]
}

/// Asks for one operation on the target. What is allowed but not implemented counts as done.
pub async fn ask(operation: Operation, bench: &Bench, on: &Target, asker: &Asker) -> Result<(), Refusal> {
    let (broker, vault, key) = (&bench.broker, on.vault.clone(), on.key.clone());
    // What upkeep does is its caller's; here it is counted.
    let act = async {
        on.accepted.fetch_add(1, Ordering::SeqCst);
        Ok(())
    };
    match operation {
        Operation::ApproveElevation => broker.approve_elevation(asker, Scope::Broker, on.waiting[0]).await.map(drop),
        Operation::DenyElevation => broker.deny_elevation(asker, Scope::Broker, on.waiting[1]).await,
        Operation::ExpireElevation => broker.expire_elevation(asker, on.waiting[2]).await,
        Operation::ListElevations => broker.list_elevations(asker, Scope::Broker).await.map(drop),
        Operation::AssignIdentity => {
            let friend = principal("corp/dns:friend");
            broker.assign_identity(asker, anchor_name("idle"), friend).await.map(drop)
        }
        Operation::CreateIdentity => broker.create_identity(asker, anchor_name("new"), None).await.map(drop),
        Operation::DeleteIdentity => broker.delete_identity(asker, anchor_name("doomed")).await,
        Operation::ListIdentities => broker.list_identities(asker).await.map(drop),
        Operation::UnassignIdentity => {
            let other = principal("corp/dns:other");
            broker.unassign_identity(asker, anchor_name("busy"), other).await.map(drop)
        }
        Operation::CreateGrant => broker.create_grant(asker, a_grant()).await.map(drop),
        Operation::CreateKey => {
            let ask = CreateKey { vault, ..bench.create_ask("new", KeySpec::EcP256) };
            broker.create_key(asker, ask).await.map(drop)
        }
        Operation::CreatePin => broker.create_pin(asker, anchor_name("new"), [2; 32]).await.map(drop),
        Operation::CreateVault => broker.create_vault(asker, a_vault()).await.map(drop),
        Operation::Decrypt => broker.decrypt(asker, an_unwrap(on)).await.map(drop),
        Operation::Encrypt => broker.encrypt(asker, a_wrap(on)).await.map(drop),
        Operation::GetGrant => broker.get_grant(asker, Scope::Broker, on.grant).await.map(drop),
        Operation::GetRole => {
            let reader = Some(Granted::Role(Role::Reader));
            broker.get_role(asker, Scope::Vault(vault), ("reader", reader)).await.map(drop)
        }
        Operation::GetKey => broker.get_key(asker, vault, key, None).await.map(drop),
        Operation::ListGrants => broker.list_grants(asker, Scope::Broker).await.map(drop),
        Operation::ListKeys => broker.list_keys(asker, vault, None, 25).await.map(drop),
        Operation::ListPins => broker.list_pins(asker).await.map(drop),
        Operation::ListRoles => broker.list_roles(asker, Scope::Vault(vault)).await.map(drop),
        Operation::ListVaults => broker.list_vaults(asker).await.map(drop),
        Operation::ListVersions => broker.list_versions(asker, vault, key, None, 25).await.map(drop),
        Operation::RandomBytes => broker.random_bytes(asker, vault, 16).await.map(drop),
        Operation::RemoveGrant => broker.remove_grant(asker, Scope::Broker, on.grant).await.map(drop),
        Operation::RemovePin => broker.remove_pin(asker, anchor_name("old")).await,
        Operation::RotateKey => broker.rotate_key(asker, vault, key).await.map(drop),
        Operation::UnwrapKey => broker.unwrap_key(asker, an_unwrap(on)).await.map(drop),
        Operation::UpdateKey => {
            let patch = VersionPatch { enabled: Some(true), ..VersionPatch::default() };
            broker.update_key(asker, vault, key, None, patch).await.map(drop)
        }
        Operation::UpdateVault => {
            let patch = VaultPatch { purge_protection: Some(true), ..VaultPatch::default() };
            broker.update_vault(asker, vault, patch).await.map(drop)
        }
        Operation::WrapKey => broker.wrap_key(asker, a_wrap(on)).await.map(drop),
        Operation::AcceptClock => {
            let accept = |_| on.accepted.fetch_add(1, Ordering::SeqCst) == 0;
            broker.accept_clock(asker, accept).await.map(drop)
        }
        Operation::BackupKey => broker.backup_key(asker, vault, key).await.map(drop),
        Operation::DeleteVault => broker.delete_vault(asker, vault_name("old-vault")).await.map(drop),
        Operation::LockVault => broker.lock_vault(asker, vault, true).await.map(drop),
        Operation::NoteUsage => broker.note_used(asker, &a_use()).await,
        Operation::PurgeVault => broker.purge_vault(asker, vault_name("dead-vault")).await,
        Operation::ReadUsage => broker.read_usage(asker, None, None).await.map(drop),
        Operation::RecoverVault => broker.recover_vault(asker, vault_name("sleeping-vault")).await.map(drop),
        Operation::DeleteKey => broker.delete_key(asker, vault, key_name("doomed")).await.map(drop),
        Operation::Examine => {
            let ask = broker.examine(asker, principal("corp/dns:host1"), (vault, key), &|_, _| Vec::new());
            ask.await.map(drop)
        }
        Operation::GetDeletedKey => broker.get_deleted_key(asker, vault, key_name("bin")).await.map(drop),
        Operation::GetRotationPolicy => broker.rotation_policy(asker, vault, key).await.map(drop),
        Operation::ImportKey => {
            let ask = CreateKey { vault, ..bench.create_ask("imported", KeySpec::Oct128) };
            let imported = ImportedKey::Oct(Secret::copied_from(&[7; 16]));
            broker.import_key(asker, ask, imported).await.map(drop)
        }
        Operation::ListDeletedKeys => broker.list_deleted_keys(asker, vault, None, 25).await.map(drop),
        Operation::LockKey => broker.lock_key(asker, vault, key, true).await,
        Operation::BackUpBackend => broker.back_up_backend(asker, "backend b".to_owned(), act).await,
        Operation::RestoreBackend => broker.restore_backend(asker, "backend b".to_owned(), act).await,
        Operation::LoadBackend => broker.load_backend(asker, "backend b".to_owned(), act).await,
        Operation::BackupStore => {
            broker.backup_store(asker, async { act.await.map(|()| ((), "copy".to_owned())) }).await
        }
        Operation::RestoreStore => broker.restore_store(asker, "from a copy".to_owned(), act).await,
        Operation::RotateRoot => broker.rotate_root(asker, "a file".to_owned(), act).await,
        Operation::ReloadTrust => broker.reload_trust(asker, "crl".to_owned(), act).await,
        Operation::NotifyKey => broker.notify_key(asker, vault, key).await,
        Operation::PurgeKey => broker.purge_key(asker, vault, key_name("dead")).await,
        Operation::RecoverKey => broker.recover_key(asker, vault, key_name("sleeping")).await.map(drop),
        Operation::WriteRole => unimplemented_yet::<verb::WriteRole>(bench, asker, on).await,
        Operation::ReleaseKey => unimplemented_yet::<verb::ReleaseKey>(bench, asker, on).await,
        Operation::RestoreKey => broker.restore_key(asker, vault, &on.backup).await.map(drop),
        Operation::SetRotationPolicy => broker.set_rotation_policy(asker, vault, key, policy()).await.map(drop),
        Operation::Sign => broker.sign(asker, a_sign(on)).await.map(drop),
        Operation::Verify => broker.verify(asker, a_sign(on), vec![0; 256]).await.map(drop),
        operation => objects::ask(operation, bench, on, asker).await,
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

fn a_sign(on: &Target) -> Sign {
    Sign {
        vault: on.vault.clone(),
        key: on.key.clone(),
        version: None,
        algorithm: SignAlgorithm::Ps256,
        digest: vec![7; 32],
    }
}

/// No wider than what a bare holder of `grantWrite` has itself.
fn a_grant() -> NewGrant {
    NewGrant {
        id: None,
        principal: principal("corp/dns:friend"),
        granted: Granted::Permissions([Permission::GrantWrite].into_iter().collect()),
        scope: Scope::Vault(vault_name("vault1")),
        not_before_s: None,
        not_after_s: None,
        justification: String::new(),
    }
}

fn a_use() -> Used {
    Used { principal: None, counts: vec![(Operation::GetKey, Outcome::Allowed, 1)] }
}

fn a_vault() -> NewVault {
    NewVault::new(vault_name("new-vault"), backend_name("software"))
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
