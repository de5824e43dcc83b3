//! The broker's own background work: principals with grants of their own, asking like anyone else.

use crate::algorithm::word_enum;
use crate::entry::{Asker, Front, Peer};
use crate::grant::{Grant, GrantId, Granted, Scope};
use crate::name::{Principal, RequestId};
use crate::permission::{Permission, PermissionSet};

word_enum! {
    /// What the broker does by itself.
    Task {
        /// Keeps managed objects under their vaults' KEKs, and carries their dates out.
        Objects = "objects",
        /// Purges keys and vaults that were soft-deleted, when their time has come.
        Purge = "purge",
        /// Carries rotation policies out.
        Rotation = "rotation",
        /// Loads backends, reads certificates again, writes down what each principal used and what was done to the store
        /// while no broker ran.
        Upkeep = "upkeep",
    }
}

impl Task {
    /// `system/<task>`.
    #[must_use]
    pub fn principal(self) -> Principal {
        Principal::parse(&format!("system/{self}")).expect("a task's word is a name")
    }

    const fn permissions(self) -> PermissionSet {
        match self {
            Self::Objects => PermissionSet::of(&[
                Permission::Create,
                Permission::Rotate,
                Permission::UnwrapKey,
                Permission::Update,
                Permission::WrapKey,
            ]),
            Self::Purge => PermissionSet::of(&[Permission::Purge]),
            Self::Rotation => PermissionSet::of(&[Permission::Rotate]),
            Self::Upkeep => PermissionSet::of(&[Permission::StoreManage, Permission::VaultManage]),
        }
    }
}

/// The asker of a task's request.
#[must_use]
pub fn task_asker(task: Task, request: RequestId) -> Asker {
    Asker {
        request,
        client_request_id: None,
        principal: task.principal(),
        fingerprint_sha256: None,
        peer: Peer::Here("the broker itself"),
        front: Front::System,
        proof: None,
        journal: None,
    }
}

/// Whether a grant is one of [`grants`].
pub(super) fn is_built_in(id: GrantId) -> bool {
    grants().any(|grant| grant.id == id)
}

/// What the tasks are granted: built in, so that they are there in every store and are listed like the others.
pub(super) fn grants() -> impl Iterator<Item = Grant> {
    Task::ALL.iter().enumerate().map(|(number, task)| Grant {
        // No random id is this small.
        id: GrantId(u128::try_from(number).map_or([0; 16], |number| (number + 1).to_be_bytes())),
        principal: task.principal(),
        granted: Granted::Permissions(task.permissions()),
        scope: Scope::Broker,
        not_before_s: None,
        not_after_s: None,
        justification: "built in".to_owned(),
        granted_by: task.principal(),
        approved_by: None,
        created_s: 0,
    })
}
