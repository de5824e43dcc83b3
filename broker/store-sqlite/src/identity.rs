//! What an identity looks like when it is written down.

use broker_core::identity::{Identity, Resource};
use broker_core::name::{AnchorName, KeyName, Principal, VaultName};
use serde::{Deserialize, Serialize};

use crate::record::{DecodeError, Record, decode_mirror, encode_mirror};

#[derive(Serialize, Deserialize)]
struct IdentityMirror<'a> {
    name: &'a str,
    #[serde(borrow)]
    resource: Option<ResourceMirror<'a>>,
    assigned: Vec<&'a str>,
    created_by: &'a str,
    created_s: i64,
}

/// The order of the variants is their number on disk: new ones go last.
#[derive(Serialize, Deserialize)]
enum ResourceMirror<'a> {
    /// Vault and name.
    Key(&'a str, &'a str),
    Pin(&'a str),
}

impl Record for Identity {
    fn encode(&self) -> Result<Vec<u8>, postcard::Error> {
        encode_mirror(&IdentityMirror {
            name: self.name.as_str(),
            resource: self.resource.as_ref().map(|resource| match resource {
                Resource::Key(vault, key) => ResourceMirror::Key(vault.as_str(), key.as_str()),
                Resource::Pin(name) => ResourceMirror::Pin(name.as_str()),
            }),
            assigned: self.assigned.iter().map(Principal::as_str).collect(),
            created_by: self.created_by.as_str(),
            created_s: self.created_s,
        })
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mirror: IdentityMirror<'_> = decode_mirror(bytes)?;
        let resource = match mirror.resource {
            None => None,
            Some(ResourceMirror::Key(vault, key)) => {
                Some(Resource::Key(VaultName::parse(vault)?, KeyName::parse(key)?))
            }
            Some(ResourceMirror::Pin(name)) => Some(Resource::Pin(AnchorName::parse(name)?)),
        };
        Ok(Self {
            name: AnchorName::parse(mirror.name)?,
            resource,
            assigned: mirror.assigned.into_iter().map(Principal::parse).collect::<Result<_, _>>()?,
            created_by: Principal::parse(mirror.created_by)?,
            created_s: mirror.created_s,
        })
    }
}
