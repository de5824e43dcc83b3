//! Every verb the broker knows, as a type: a permit for one is not a permit for another.

use crate::permission::Permission;

mod sealed {
    pub trait Sealed {}
}

/// A verb. The list is closed.
pub trait Verb: sealed::Sealed + Send + Sync + 'static {
    const OPERATION: Operation;
    const PERMISSION: Permission;
}

macro_rules! verbs {
    ($($(#[$doc:meta])* $name:ident = $word:literal needs $permission:ident,)+) => {
        crate::algorithm::word_enum! {
            /// The operations, as they stand in the audit and in metrics.
            Operation { $($name = $word,)+ }
        }

        impl Operation {
            /// The permission without which it is refused.
            #[must_use]
            pub const fn permission(self) -> Permission {
                match self { $(Self::$name => Permission::$permission,)+ }
            }
        }

        $(
            $(#[$doc])*
            #[derive(Debug)]
            pub enum $name {}
            impl sealed::Sealed for $name {}
            impl Verb for $name {
                const OPERATION: Operation = Operation::$name;
                const PERMISSION: Permission = Permission::$permission;
            }
        )+
    };
}

verbs! {
    AcceptClock = "accept-clock" needs VaultManage,
    ActivateObject = "activate-object" needs Update,
    ApproveElevation = "approve-elevation" needs GrantWrite,
    AssignIdentity = "assign-identity" needs GrantWrite,
    BackUpBackend = "back-up-backend" needs VaultManage,
    BackupKey = "backup-key" needs Backup,
    BackupStore = "backup-store" needs StoreManage,
    CreateGrant = "create-grant" needs GrantWrite,
    CreateIdentity = "create-identity" needs VaultManage,
    CreateKey = "create-key" needs Create,
    CreateObject = "create-object" needs Create,
    CreatePin = "create-pin" needs VaultManage,
    CreateVault = "create-vault" needs VaultManage,
    Decrypt = "decrypt" needs Decrypt,
    DecryptWithObject = "decrypt-with-object" needs Decrypt,
    DeleteIdentity = "delete-identity" needs VaultManage,
    DeleteKey = "delete-key" needs Delete,
    DeleteVault = "delete-vault" needs VaultManage,
    DenyElevation = "deny-elevation" needs GrantWrite,
    DeriveObject = "derive-object" needs ObjectDerive,
    DestroyObject = "destroy-object" needs Purge,
    Encrypt = "encrypt" needs Encrypt,
    EncryptWithObject = "encrypt-with-object" needs Encrypt,
    Examine = "examine" needs GrantRead,
    ExpireElevation = "expire-elevation" needs VaultManage,
    GetDeletedKey = "get-deleted-key" needs Get,
    GetGrant = "get-grant" needs GrantRead,
    GetKey = "get-key" needs Get,
    GetObject = "get-object" needs Get,
    GetRole = "get-role" needs GrantRead,
    GetRotationPolicy = "get-rotation-policy" needs GetRotationPolicy,
    HashData = "hash-data" needs Rng,
    ImportKey = "import-key" needs Import,
    ListDeletedKeys = "list-deleted-keys" needs List,
    ListElevations = "list-elevations" needs GrantRead,
    ListGrants = "list-grants" needs GrantRead,
    ListIdentities = "list-identities" needs VaultManage,
    ListKeys = "list-keys" needs List,
    ListPins = "list-pins" needs VaultManage,
    ListRoles = "list-roles" needs GrantRead,
    ListVaults = "list-vaults" needs VaultManage,
    ListVersions = "list-versions" needs List,
    LoadBackend = "load-backend" needs VaultManage,
    LocateObjects = "locate-objects" needs List,
    LockKey = "lock-key" needs VaultManage,
    LockVault = "lock-vault" needs VaultManage,
    NoteUsage = "note-usage" needs VaultManage,
    MacVerifyWithObject = "mac-verify-with-object" needs Verify,
    MacWithObject = "mac-with-object" needs Sign,
    NotifyKey = "notify-key" needs Rotate,
    PurgeKey = "purge-key" needs Purge,
    PurgeVault = "purge-vault" needs Purge,
    RandomBytes = "random-bytes" needs Rng,
    ReadUsage = "read-usage" needs GrantRead,
    RecoverKey = "recover-key" needs Recover,
    RecoverVault = "recover-vault" needs VaultManage,
    RegisterObject = "register-object" needs Import,
    RekeyObject = "rekey-object" needs Rotate,
    ReleaseKey = "release-key" needs Release,
    ReloadTrust = "reload-trust" needs VaultManage,
    RemoveGrant = "remove-grant" needs GrantWrite,
    RemovePin = "remove-pin" needs VaultManage,
    RestoreBackend = "restore-backend" needs VaultManage,
    RestoreKey = "restore-key" needs Restore,
    RestoreStore = "restore-store" needs StoreManage,
    RevealObject = "reveal-object" needs ObjectReveal,
    RevokeObject = "revoke-object" needs Update,
    RewrapObjects = "rewrap-objects" needs Rotate,
    RotateKek = "rotate-kek" needs Rotate,
    RotateKey = "rotate-key" needs Rotate,
    RotateRoot = "rotate-root" needs StoreManage,
    SetRotationPolicy = "set-rotation-policy" needs SetRotationPolicy,
    SettleObjects = "settle-objects" needs Update,
    Sign = "sign" needs Sign,
    SignWithObject = "sign-with-object" needs Sign,
    UnassignIdentity = "unassign-identity" needs GrantWrite,
    UndoObjects = "undo-objects" needs Update,
    UnwrapKey = "unwrap-key" needs UnwrapKey,
    UpdateKey = "update-key" needs Update,
    UpdateObject = "update-object" needs Update,
    UpdateVault = "update-vault" needs VaultManage,
    Verify = "verify" needs Verify,
    VerifyWithObject = "verify-with-object" needs Verify,
    WrapKey = "wrap-key" needs WrapKey,
    WriteRole = "write-role" needs GrantWrite,
}
