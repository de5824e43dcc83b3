//! Who may do what, and the one place where a `Permit` is born.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use crate::name::{KeyName, Principal, VaultName};
use crate::permission::{Permission, PermissionSet, Role};
use crate::refusal::{Missing, MissingWhy, Refusal};
use crate::verb::Verb;

/// Where a right holds, and where a deed happens.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Scope {
    Broker,
    Key(VaultName, KeyName),
    Vault(VaultName),
}

impl Scope {
    /// Whether a right here holds there.
    #[must_use]
    pub fn covers(&self, there: &Self) -> bool {
        match (self, there) {
            (Self::Broker, _) => true,
            (Self::Vault(here), Self::Vault(vault) | Self::Key(vault, _)) => here == vault,
            (Self::Key(vault, key), Self::Key(its_vault, its_key)) => vault == its_vault && key == its_key,
            (Self::Vault(_), Self::Broker) | (Self::Key(..), Self::Broker | Self::Vault(_)) => false,
        }
    }

    #[must_use]
    pub fn vault(&self) -> Option<&VaultName> {
        match self {
            Self::Broker => None,
            Self::Key(vault, _) | Self::Vault(vault) => Some(vault),
        }
    }

    #[must_use]
    pub fn key(&self) -> Option<&KeyName> {
        match self {
            Self::Broker | Self::Vault(_) => None,
            Self::Key(_, key) => Some(key),
        }
    }

    /// Parses `/` (the broker), `/vault` or `/vault/key`.
    ///
    /// # Errors
    /// A text for people that says what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let Some(path) = text.strip_prefix('/') else {
            return Err(format!("scope {text:?} must be / (the broker), /vault or /vault/key"));
        };
        if path.is_empty() {
            return Ok(Self::Broker);
        }
        match path.split_once('/') {
            None => Ok(Self::Vault(VaultName::parse(path).map_err(|error| error.to_string())?)),
            Some((vault, key)) => Ok(Self::Key(
                VaultName::parse(vault).map_err(|error| error.to_string())?,
                KeyName::parse_any_case(key).map_err(|error| error.to_string())?,
            )),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broker => f.write_str("/"),
            Self::Key(vault, key) => write!(f, "/{vault}/{key}"),
            Self::Vault(vault) => write!(f, "/{vault}"),
        }
    }
}

/// A grant's id: 16 random bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GrantId(pub [u8; 16]);

impl GrantId {
    /// Takes 32 hexadecimal digits, hyphens ignored.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        crate::name::KeyVersion::parse(&text.replace('-', "")).ok().map(|id| Self(id.0))
    }

    /// As a UUID is written (RFC 9562 section 4), though its bits are all chance or the giver's choice.
    #[must_use]
    pub fn hyphenated(self) -> String {
        crate::name::RequestId(self.0).to_string()
    }
}

impl fmt::Display for GrantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for GrantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a grant gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Granted {
    Permissions(PermissionSet),
    Role(Role),
}

impl Granted {
    #[must_use]
    pub const fn permissions(&self) -> PermissionSet {
        match self {
            Self::Permissions(set) => *set,
            Self::Role(role) => role.permissions(),
        }
    }
}

/// A standing right. Times are Unix seconds; `not_before_s` is the first second it holds, `not_after_s` the last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    pub id: GrantId,
    pub principal: Principal,
    pub granted: Granted,
    pub scope: Scope,
    pub not_before_s: Option<i64>,
    pub not_after_s: Option<i64>,
    /// At most 512 characters.
    pub justification: String,
    pub granted_by: Principal,
    /// The second administrator, where the vault demands one.
    pub approved_by: Option<Principal>,
    pub created_s: i64,
}

impl Grant {
    pub(crate) fn holds_at(&self, now_s: i64) -> bool {
        self.not_before_s.is_none_or(|first| now_s >= first) && self.not_after_s.is_none_or(|last| now_s <= last)
    }
}

/// Every grant, by principal. Immutable: a change makes a new one.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    by_principal: HashMap<Principal, Vec<Arc<Grant>>>,
    /// The identities that a principal acts as.
    acts_as: HashMap<Principal, Vec<Principal>>,
}

impl Policy {
    #[must_use]
    pub fn of(grants: impl IntoIterator<Item = Grant>) -> Self {
        let mut policy = Self::default();
        for grant in grants {
            policy.add(grant);
        }
        policy
    }

    pub(crate) fn add(&mut self, grant: Grant) {
        self.by_principal.entry(grant.principal.clone()).or_default().push(Arc::new(grant));
    }

    pub(crate) fn remove(&mut self, id: GrantId) {
        self.by_principal.retain(|_, grants| {
            grants.retain(|grant| grant.id != id);
            !grants.is_empty()
        });
    }

    /// Lets a principal act as an identity.
    pub(crate) fn assign(&mut self, principal: Principal, identity: Principal) {
        let identities = self.acts_as.entry(principal).or_default();
        if !identities.contains(&identity) {
            identities.push(identity);
        }
    }

    pub(crate) fn unassign(&mut self, principal: &Principal, identity: &Principal) {
        if let Some(identities) = self.acts_as.get_mut(principal) {
            identities.retain(|one| one != identity);
        }
        self.acts_as.retain(|_, identities| !identities.is_empty());
    }

    /// Ends an identity with its grants.
    pub(crate) fn end(&mut self, identity: &Principal) {
        self.by_principal.remove(identity);
        for identities in self.acts_as.values_mut() {
            identities.retain(|one| one != identity);
        }
        self.acts_as.retain(|_, identities| !identities.is_empty());
    }

    /// Whether what is given to `other` is given to `principal`.
    #[must_use]
    pub fn is_or_acts_as(&self, principal: &Principal, other: &Principal) -> bool {
        principal == other || self.acts_as.get(principal).is_some_and(|identities| identities.contains(other))
    }

    /// What was given to a principal itself.
    pub fn own_grants(&self, principal: &Principal) -> impl Iterator<Item = &Arc<Grant>> {
        self.by_principal.get(principal).into_iter().flatten()
    }

    /// The identities that a principal acts as.
    pub fn identities_of(&self, principal: &Principal) -> impl Iterator<Item = &Principal> {
        self.acts_as.get(principal).into_iter().flatten()
    }

    /// Whether anyone can come in as this principal: an identity that nobody acts as is nobody.
    fn is_somebody(&self, principal: &Principal) -> bool {
        principal.identity().is_none() || self.acts_as.values().any(|identities| identities.contains(principal))
    }

    /// How long someone administers the broker, of those who do now.
    pub(crate) fn broker_is_ruled(&self, now_s: i64) -> Option<Until> {
        let rules = |grant: &&Arc<Grant>| {
            grant.granted == Granted::Role(Role::Administrator)
                && grant.scope == Scope::Broker
                && grant.holds_at(now_s)
                && self.is_somebody(&grant.principal)
        };
        self.grants().filter(rules).map(|grant| Until::of(grant.not_after_s)).max()
    }

    /// The last second at which a principal still holds what it holds now at a place; none when it has no end.
    #[must_use]
    pub fn holds_until(&self, principal: &Principal, scope: &Scope, permission: Permission, now_s: i64) -> Option<i64> {
        match self.keeps(principal, scope, now_s, |grant| grant.granted.permissions().contains(permission)) {
            Some(Until::Second(last)) => Some(last),
            Some(Until::Always) | None => None,
        }
    }

    /// How many principals may grant at a place without an end.
    pub(crate) fn givers(&self, place: &Scope, now_s: i64) -> usize {
        let principals: HashSet<_> = self.by_principal.keys().chain(self.acts_as.keys()).collect();
        let gives = |principal: &&&Principal| {
            let keeps = self
                .keeps(principal, place, now_s, |grant| grant.granted.permissions().contains(Permission::GrantWrite));
            principal.identity().is_none() && keeps == Some(Until::Always)
        };
        principals.iter().filter(gives).count()
    }

    pub fn grants(&self) -> impl Iterator<Item = &Arc<Grant>> {
        self.by_principal.values().flatten()
    }

    #[must_use]
    pub fn grant(&self, id: GrantId) -> Option<&Arc<Grant>> {
        self.grants().find(|grant| grant.id == id)
    }

    /// What a principal holds at a place and time, all grants together.
    #[must_use]
    pub fn held(&self, principal: &Principal, scope: &Scope, now_s: i64) -> PermissionSet {
        self.of_principal(principal)
            .filter(|grant| grant.scope.covers(scope) && grant.holds_at(now_s))
            .fold(PermissionSet::EMPTY, |held, grant| held.union(grant.granted.permissions()))
    }

    /// Whether a principal is an Administrator of this place.
    #[must_use]
    pub fn administers(&self, principal: &Principal, scope: &Scope, now_s: i64) -> bool {
        self.of_principal(principal).any(|grant| {
            grant.granted == Granted::Role(Role::Administrator) && grant.scope.covers(scope) && grant.holds_at(now_s)
        })
    }

    /// A permit for one deed, or the refusal that names what is missing.
    ///
    /// # Errors
    /// `Refusal::Forbidden`, whether or not the vault or key exists.
    pub fn permit<V: Verb>(&self, principal: &Principal, scope: Scope, now_s: i64) -> Result<Permit<V>, Refusal> {
        match self.missing(principal, &scope, V::PERMISSION, now_s) {
            None => Ok(Permit { principal: principal.clone(), scope, verb: PhantomData }),
            Some(why) => {
                let missing = Missing { principal: principal.clone(), permission: V::PERMISSION, scope, why };
                Err(Refusal::Forbidden(Box::new(missing)))
            }
        }
    }

    /// A permit for a deed on a managed object: by the deed's own permission, or, on an object that is the principal's own,
    /// by `objectOwn`.
    ///
    /// # Errors
    /// As [`Policy::permit`].
    pub fn permit_on_object<V: Verb>(
        &self,
        principal: &Principal,
        scope: Scope,
        owner: &Principal,
        now_s: i64,
    ) -> Result<Permit<V>, Refusal> {
        if owner == principal && self.missing(principal, &scope, Permission::ObjectOwn, now_s).is_none() {
            return Ok(Permit { principal: principal.clone(), scope, verb: PhantomData });
        }
        self.permit(principal, scope, now_s)
    }

    /// Why a principal lacks a permission at a place and time; none when it holds it.
    #[must_use]
    pub fn missing(
        &self,
        principal: &Principal,
        scope: &Scope,
        permission: Permission,
        now_s: i64,
    ) -> Option<MissingWhy> {
        let mut why = MissingWhy::NoGrant;
        for grant in self.of_principal(principal) {
            if !grant.scope.covers(scope) || !grant.granted.permissions().contains(permission) {
                continue;
            }
            match (grant.not_before_s, grant.not_after_s) {
                (_, Some(last)) if now_s > last => why = MissingWhy::Ended { not_after_s: last },
                (Some(first), _) if now_s < first => why = MissingWhy::NotBegun { not_before_s: first },
                _ => return None,
            }
        }
        Some(why)
    }

    /// How long a principal keeps something it holds now at a place; none when it does not hold it.
    fn keeps(
        &self,
        principal: &Principal,
        scope: &Scope,
        now_s: i64,
        wanted: impl Fn(&Grant) -> bool,
    ) -> Option<Until> {
        let holding = |grant: &&Arc<Grant>| grant.scope.covers(scope) && grant.holds_at(now_s) && wanted(grant);
        self.of_principal(principal).filter(holding).map(|grant| Until::of(grant.not_after_s)).max()
    }

    fn of_principal(&self, principal: &Principal) -> impl Iterator<Item = &Arc<Grant>> {
        let itself = self.by_principal.get(principal).into_iter().flatten();
        itself.chain(self.identities_of(principal).filter_map(|identity| self.by_principal.get(identity)).flatten())
    }
}

/// Leave to do one deed (`V`) once, at one place, for one principal. Only [`Policy::permit`] makes one; it cannot be
/// cloned, and whoever carries the deed out consumes it.
#[must_use = "a permit that is not spent was asked for in vain"]
pub struct Permit<V: Verb> {
    principal: Principal,
    scope: Scope,
    verb: PhantomData<fn() -> V>,
}

impl<V: Verb> Permit<V> {
    #[must_use]
    pub const fn principal(&self) -> &Principal {
        &self.principal
    }

    #[must_use]
    pub const fn scope(&self) -> &Scope {
        &self.scope
    }
}

impl<V: Verb> fmt::Debug for Permit<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Permit({} on {} for {})", V::PERMISSION, self.scope, self.principal)
    }
}

/// When a right ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Until {
    /// Its last second.
    Second(i64),
    Always,
}

impl Until {
    fn of(not_after_s: Option<i64>) -> Self {
        not_after_s.map_or(Self::Always, Self::Second)
    }
}

/// A right on its way from one to another.
#[derive(Debug, Clone, Copy)]
pub struct Gift<'a> {
    pub giver: &'a Principal,
    pub receiver: &'a Principal,
    pub granted: &'a Granted,
    pub scope: &'a Scope,
    pub not_after_s: Option<i64>,
}

/// Whether the giver, who may grant at all there, may give this.
///
/// # Errors
/// `Refusal::Forbidden`: to oneself, more than the giver holds (an Administrator of the place excepted), or for longer.
pub fn may_give(policy: &Policy, gift: &Gift<'_>, now_s: i64) -> Result<(), Refusal> {
    let Gift { giver, receiver, granted, scope, not_after_s } = *gift;
    let refused = |permission: Permission, why| {
        let missing = Missing { principal: giver.clone(), permission, scope: scope.clone(), why };
        Err(Refusal::Forbidden(Box::new(missing)))
    };
    let first = granted.permissions().iter().next().unwrap_or(Permission::GrantWrite);
    if policy.is_or_acts_as(giver, receiver) {
        return refused(first, MissingWhy::Oneself);
    }
    let administers = policy.keeps(giver, scope, now_s, |grant| grant.granted == Granted::Role(Role::Administrator));
    let keeps =
        |permission| policy.keeps(giver, scope, now_s, |grant| grant.granted.permissions().contains(permission));
    // Piece by piece: the shortest of all that is given, and of the right to give.
    let pieces = granted.permissions().iter().chain([Permission::GrantWrite]);
    let holds = pieces.map(keeps).min().flatten();
    match administers.max(holds) {
        None => {
            let missing = granted.permissions().first_missing_in(policy.held(giver, scope, now_s));
            refused(missing.unwrap_or(Permission::GrantWrite), MissingWhy::NotHeld)
        }
        Some(Until::Second(last)) if Until::of(not_after_s) > Until::Second(last) => {
            refused(first, MissingWhy::Outlives { not_after_s: last })
        }
        Some(_) => Ok(()),
    }
}
