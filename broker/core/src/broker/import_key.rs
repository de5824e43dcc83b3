//! import: a key made elsewhere becomes a new key, or a new version of one that is there.

use std::sync::Arc;

use super::deed::Deed;
use super::get_key::KeyView;
use super::{Broker, CreateKey, vault_of};
use crate::entry::Asker;
use crate::grant::Scope;
use crate::imported::ImportedKey;
use crate::key::{KeyState, Material};
use crate::refusal::{Failure, Refusal};
use crate::verb::{self, Operation};

impl Broker {
    /// Takes a key over.
    ///
    /// # Errors
    /// As [`Broker::create_key`]; `BadRequest` when the numbers are no key of that spec.
    pub async fn import_key(&self, asker: &Asker, ask: CreateKey, key: ImportedKey) -> Result<KeyView, Refusal> {
        let mut deed = self.begin(asker, Operation::ImportKey, Scope::Key(ask.vault.clone(), ask.key.clone()));
        let result = self.import_key_decided(&mut deed, ask, key).await;
        self.finish(deed, result).await
    }

    async fn import_key_decided(
        &self,
        deed: &mut Deed<'_>,
        ask: CreateKey,
        key: ImportedKey,
    ) -> Result<KeyView, Failure> {
        let permit = deed.permit::<verb::ImportKey>()?;
        let vault = vault_of(deed.turn()?, &ask.vault)?;
        if key.family() != ask.spec.family() {
            return Err(Failure::internal(format!("a key of another family was handed over as {}", ask.spec)));
        }
        let version = self.planned_version(deed, &vault, &ask)?;
        if let Some(record) = self.store.key(&ask.vault, &ask.key).await?
            && record.state != KeyState::Live
        {
            return Err(Refusal::KeyDeleted { key: ask.key }.into());
        }
        deed.algorithm = Some(ask.spec.word());
        let backend = self.maker(deed, &version)?;
        self.intend(deed).await?;
        let made = backend.import_key(permit, version.version, version.spec, key).await?;
        let material = Arc::new(Material { opaque: made.opaque, public: made.public, origin_vault: None });
        self.add_version(deed, &vault, &ask.key, version, material).await
    }
}
