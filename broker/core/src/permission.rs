//! What can be granted: single permissions, sets of them, and the built-in roles.

use crate::algorithm::word_enum;

word_enum! {
    /// One thing a principal may be granted. Key Vault's access-policy names, then ours.
    Permission {
        Backup = "backup",
        Create = "create",
        Decrypt = "decrypt",
        Delete = "delete",
        Encrypt = "encrypt",
        Get = "get",
        GetRotationPolicy = "getrotationpolicy",
        Import = "import",
        List = "list",
        Purge = "purge",
        Recover = "recover",
        Release = "release",
        Restore = "restore",
        Rotate = "rotate",
        SetRotationPolicy = "setrotationpolicy",
        Sign = "sign",
        UnwrapKey = "unwrapKey",
        Update = "update",
        Verify = "verify",
        WrapKey = "wrapKey",
        /// Read the audit log.
        AuditRead = "auditRead",
        /// See who was granted what, and how often each principal asked for what.
        GrantRead = "grantRead",
        /// Grant and revoke, never more than one holds (an Administrator excepted), never to oneself.
        GrantWrite = "grantWrite",
        /// Derive keys from managed objects.
        ObjectDerive = "objectDerive",
        /// Make managed objects, and do everything to those that one made oneself.
        ObjectOwn = "objectOwn",
        /// The secret bytes of managed objects, in the clear.
        ObjectReveal = "objectReveal",
        /// Random bytes from the broker, and what else it computes without a key.
        Rng = "rng",
        /// Copy the whole store, put it back, seal it under another root key.
        StoreManage = "storeManage",
        /// Make and change vaults and pinned certificates.
        VaultManage = "vaultManage",
    }
}

impl Permission {
    /// Its bit in a set; of no meaning outside this process.
    const fn bit(self) -> u64 {
        1 << self as u32
    }
}

/// A set of permissions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PermissionSet(u64);

impl PermissionSet {
    pub const EMPTY: Self = Self(0);

    #[must_use]
    pub const fn of(list: &[Permission]) -> Self {
        let mut bits = 0;
        let mut index = 0;
        while index < list.len() {
            bits |= list[index].bit();
            index += 1;
        }
        Self(bits)
    }

    #[must_use]
    pub const fn contains(self, permission: Permission) -> bool {
        self.0 & permission.bit() != 0
    }

    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The first permission of this set that `other` lacks.
    #[must_use]
    pub fn first_missing_in(self, other: Self) -> Option<Permission> {
        self.iter().find(|permission| !other.contains(*permission))
    }

    pub fn iter(self) -> impl Iterator<Item = Permission> {
        Permission::ALL.iter().copied().filter(move |permission| self.contains(*permission))
    }
}

impl FromIterator<Permission> for PermissionSet {
    fn from_iter<I: IntoIterator<Item = Permission>>(permissions: I) -> Self {
        Self(permissions.into_iter().fold(0, |bits, permission| bits | permission.bit()))
    }
}

/// Everything that concerns keys, in Key Vault's own list.
const ON_KEYS: PermissionSet = {
    use Permission::{
        Backup, Create, Decrypt, Delete, Encrypt, Get, GetRotationPolicy, Import, List, Purge, Recover, Release,
        Restore, Rotate, SetRotationPolicy, Sign, UnwrapKey, Update, Verify, WrapKey,
    };
    PermissionSet::of(&[
        Backup,
        Create,
        Decrypt,
        Delete,
        Encrypt,
        Get,
        GetRotationPolicy,
        Import,
        List,
        Purge,
        Recover,
        Release,
        Restore,
        Rotate,
        SetRotationPolicy,
        Sign,
        UnwrapKey,
        Update,
        Verify,
        WrapKey,
    ])
};

word_enum! {
    /// Key Vault's built-in roles, by their names there.
    Role {
        Administrator = "Key Vault Administrator",
        Contributor = "Key Vault Contributor",
        CryptoOfficer = "Key Vault Crypto Officer",
        CryptoServiceEncryptionUser = "Key Vault Crypto Service Encryption User",
        CryptoServiceReleaseUser = "Key Vault Crypto Service Release User",
        CryptoUser = "Key Vault Crypto User",
        PurgeOperator = "Key Vault Purge Operator",
        Reader = "Key Vault Reader",
    }
}

impl Role {
    #[must_use]
    pub const fn permissions(self) -> PermissionSet {
        use Permission::{
            Backup, Decrypt, Encrypt, Get, GrantRead, GrantWrite, List, Purge, Release, Sign, StoreManage, UnwrapKey,
            Update, VaultManage, Verify, WrapKey,
        };
        match self {
            Self::Administrator => ON_KEYS.union(PermissionSet::of(&[VaultManage, GrantWrite, GrantRead, StoreManage])),
            Self::Contributor => PermissionSet::of(&[VaultManage]),
            Self::CryptoOfficer => ON_KEYS,
            Self::CryptoServiceEncryptionUser => PermissionSet::of(&[Get, WrapKey, UnwrapKey]),
            Self::CryptoServiceReleaseUser => PermissionSet::of(&[Release]),
            Self::CryptoUser => {
                PermissionSet::of(&[Get, List, Update, Backup, Encrypt, Decrypt, WrapKey, UnwrapKey, Sign, Verify])
            }
            Self::PurgeOperator => PermissionSet::of(&[Purge]),
            Self::Reader => PermissionSet::of(&[Get, List]),
        }
    }

    /// The role for a name as people type it: with or without "Key Vault", in any case, blanks or hyphens between words.
    #[must_use]
    pub fn of_loose_name(text: &str) -> Option<Self> {
        let flat = |text: &str| {
            let lower = text.to_ascii_lowercase().replace(['-', '_'], " ");
            lower.strip_prefix("key vault ").unwrap_or(&lower).to_owned()
        };
        let wanted = flat(text);
        Self::ALL.iter().copied().find(|role| flat(role.word()) == wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_administrator_hands_out_rights() {
        for role in Role::ALL {
            let held = role.permissions();
            assert_eq!(held.contains(Permission::GrantWrite), *role == Role::Administrator, "{role}");
            assert!(!held.contains(Permission::AuditRead), "{role}");
        }
    }

    #[test]
    fn an_encryption_user_has_exactly_three_permissions() {
        let words: Vec<_> = Role::CryptoServiceEncryptionUser.permissions().iter().map(Permission::word).collect();
        assert_eq!(words, ["get", "unwrapKey", "wrapKey"]);
    }

    #[test]
    fn a_role_is_found_by_the_name_people_type() {
        assert_eq!(Role::of_loose_name("crypto-user"), Some(Role::CryptoUser));
        assert_eq!(Role::of_loose_name("Key Vault Crypto User"), Some(Role::CryptoUser));
        assert_eq!(Role::of_loose_name("crypto"), None);
    }

    #[test]
    fn every_permission_has_a_bit_of_its_own() {
        let all: PermissionSet = Permission::ALL.iter().copied().collect();
        assert_eq!(all.iter().count(), Permission::ALL.len());
    }
}
