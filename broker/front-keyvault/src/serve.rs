//! From a parsed request to the broker's verb and back to a body.

mod rights;

use broker_core::broker::{Broker, DeletedView, KeyView};
use broker_core::entry::Asker;
use broker_core::grant::Scope;
use broker_core::name::{KeyName, VaultName};
use broker_core::refusal::Refusal;
use broker_core::verb::{self, Verb};
use bytes::Bytes;
use serde::Serialize;

use crate::host::Host;
use crate::query::{self, Listing, Query};
use crate::refuse::Problem;
use crate::reply;
use crate::route::{KeyAction, Target, VaultAction};
use crate::translate::{self, Named, Reader};
use crate::wire;

/// A request of which all but the body is parsed.
#[derive(Debug)]
pub(crate) struct Call {
    pub vault: VaultName,
    pub host: Host,
    pub target: Target,
    pub query: Query,
    pub reader: Reader,
    pub body: Bytes,
}

/// What stays of a call once its target and body are taken out.
struct Context<'a> {
    broker: &'a Broker,
    asker: &'a Asker,
    host: Host,
    query: Query,
    reader: Reader,
}

/// Carries a call out. Bodies are parsed before the core is asked: what does not parse never becomes a request. The
/// answer's body is empty where there is nothing to say.
pub(crate) async fn serve(broker: &Broker, asker: &Asker, call: Call) -> Result<Bytes, Problem> {
    let Call { vault, host, target, query, reader, body } = call;
    let context = Context { broker, asker, host, query, reader };
    match target {
        Target::Key(action, key, version) => context.serve_key(action, Named { vault, key, version }, body).await,
        Target::Rights(action, place, name) => context.serve_rights(action, (vault, place, name), &body).await,
        Target::Vault(action) => context.serve_vault(action, vault, body).await,
    }
}

impl Context<'_> {
    async fn serve_key(&self, action: KeyAction, named: Named, body: Bytes) -> Result<Bytes, Problem> {
        match action {
            KeyAction::BackupKey => self.backup(named).await,
            KeyAction::CreateKey => self.create(named, &body).await,
            KeyAction::Decrypt => self.decrypt(named, body).await,
            KeyAction::DeleteKey => {
                Ok(self.deleted_bundle(&self.broker.delete_key(self.asker, named.vault, named.key).await?))
            }
            KeyAction::Encrypt => self.encrypt(named, body).await,
            KeyAction::GetDeletedKey => {
                Ok(self.deleted_bundle(&self.broker.get_deleted_key(self.asker, named.vault, named.key).await?))
            }
            KeyAction::GetKey => {
                Ok(self.bundle(&self.broker.get_key(self.asker, named.vault, named.key, named.version).await?))
            }
            KeyAction::GetRotationPolicy => self.rotation_policy(named).await,
            KeyAction::ImportKey => self.import(named, body).await,
            KeyAction::ListVersions => self.list_versions(named).await,
            KeyAction::PurgeKey => {
                self.broker.purge_key(self.asker, named.vault, named.key).await?;
                Ok(Bytes::new())
            }
            KeyAction::RecoverKey => {
                Ok(self.bundle(&self.broker.recover_key(self.asker, named.vault, named.key).await?))
            }
            KeyAction::ReleaseKey => self.unserved::<verb::ReleaseKey>(named).await,
            KeyAction::RotateKey => Ok(self.bundle(&self.broker.rotate_key(self.asker, named.vault, named.key).await?)),
            KeyAction::SetRotationPolicy => self.set_rotation_policy(named, &body).await,
            KeyAction::Sign => self.sign(named, &body).await,
            KeyAction::UnwrapKey => self.unwrap_key(named, body).await,
            KeyAction::UpdateKey => self.update(named, &body).await,
            KeyAction::Verify => self.verify(named, &body).await,
            KeyAction::WrapKey => self.wrap_key(named, body).await,
        }
    }

    async fn serve_vault(&self, action: VaultAction, vault: VaultName, body: Bytes) -> Result<Bytes, Problem> {
        match action {
            VaultAction::ListDeletedKeys => self.list_deleted_keys(vault).await,
            VaultAction::ListKeys => self.list_keys(vault).await,
            VaultAction::RandomBytes => self.random_bytes(vault, &body).await,
            VaultAction::RestoreKey => self.restore(vault, &body).await,
        }
    }

    async fn unserved<V: Verb>(&self, named: Named) -> Result<Bytes, Problem> {
        let scope = Scope::Key(named.vault, named.key);
        match self.broker.refuse_unimplemented::<V>(self.asker, scope).await {
            Ok(()) => Err(Refusal::Internal.into()),
            Err(refusal) => Err(refusal.into()),
        }
    }

    async fn create(&self, named: Named, body: &[u8]) -> Result<Bytes, Problem> {
        let ask = translate::to_create_key(named, wire::read(body)?)?;
        Ok(self.bundle(&self.broker.create_key(self.asker, ask).await?))
    }

    async fn import(&self, named: Named, body: Bytes) -> Result<Bytes, Problem> {
        let (ask, key) = translate::to_import_key(named, wire::read(&body)?)?;
        drop(body); // not needed any more, and it holds the key
        Ok(self.bundle(&self.broker.import_key(self.asker, ask, key).await?))
    }

    async fn backup(&self, named: Named) -> Result<Bytes, Problem> {
        let sealed = self.broker.backup_key(self.asker, named.vault, named.key).await?;
        Ok(reply::json(&translate::of_backup(&sealed)))
    }

    async fn restore(&self, vault: VaultName, body: &[u8]) -> Result<Bytes, Problem> {
        let sealed = translate::to_backup(&wire::read(body)?)?;
        Ok(self.bundle(&self.broker.restore_key(self.asker, vault, &sealed).await?))
    }

    async fn rotation_policy(&self, named: Named) -> Result<Bytes, Problem> {
        let policy = self.broker.rotation_policy(self.asker, named.vault, named.key.clone()).await?;
        Ok(reply::json(&translate::of_rotation_policy(&named.key, policy.as_ref(), &self.host)))
    }

    async fn set_rotation_policy(&self, named: Named, body: &[u8]) -> Result<Bytes, Problem> {
        let (key, policy) = (named.key.clone(), translate::to_rotation_policy(wire::read(body)?)?);
        let policy = self.broker.set_rotation_policy(self.asker, named.vault, named.key, policy).await?;
        Ok(reply::json(&translate::of_rotation_policy(&key, Some(&policy), &self.host)))
    }

    async fn sign(&self, named: Named, body: &[u8]) -> Result<Bytes, Problem> {
        let (key, ask) = (named.key.clone(), translate::to_sign(named, &wire::read(body)?)?);
        let signed = self.broker.sign(self.asker, ask).await?;
        Ok(reply::json(&translate::of_signed(&key, &signed, &self.host)))
    }

    async fn verify(&self, named: Named, body: &[u8]) -> Result<Bytes, Problem> {
        let (ask, signature) = translate::to_verify(named, &wire::read(body)?)?;
        let value = self.broker.verify(self.asker, ask, signature).await?;
        Ok(reply::json(&wire::VerifyResult { value }))
    }

    async fn update(&self, named: Named, body: &[u8]) -> Result<Bytes, Problem> {
        let patch = translate::to_version_patch(wire::read(body)?)?;
        let view = self.broker.update_key(self.asker, named.vault, named.key, named.version, patch).await?;
        Ok(self.bundle(&view))
    }

    async fn wrap_key(&self, named: Named, body: Bytes) -> Result<Bytes, Problem> {
        let (key, ask) = (named.key.clone(), translate::to_wrap_key(named, &wire::read(&body)?)?);
        drop(body); // not needed any more, and it holds the secret
        let aad = ask.extras.aad.clone();
        let answer = self.broker.wrap_key(self.asker, ask).await?;
        Ok(reply::json(&translate::of_wrapped_key(&key, &answer, &aad, &self.host)))
    }

    async fn encrypt(&self, named: Named, body: Bytes) -> Result<Bytes, Problem> {
        let (key, ask) = (named.key.clone(), translate::to_wrap_key(named, &wire::read(&body)?)?);
        drop(body); // not needed any more, and it holds the secret
        let aad = ask.extras.aad.clone();
        let answer = self.broker.encrypt(self.asker, ask).await?;
        Ok(reply::json(&translate::of_wrapped_key(&key, &answer, &aad, &self.host)))
    }

    async fn unwrap_key(&self, named: Named, body: Bytes) -> Result<Bytes, Problem> {
        let (key, ask) = (named.key.clone(), translate::to_unwrap_key(named, &wire::read(&body)?)?);
        drop(body);
        let answer = self.broker.unwrap_key(self.asker, ask).await?;
        let kid = self.host.kid(&key, Some(answer.version));
        Ok(reply::secret(translate::of_secret(Some(&kid), &answer.secret)))
    }

    async fn decrypt(&self, named: Named, body: Bytes) -> Result<Bytes, Problem> {
        let (key, ask) = (named.key.clone(), translate::to_unwrap_key(named, &wire::read(&body)?)?);
        drop(body);
        let answer = self.broker.decrypt(self.asker, ask).await?;
        let kid = self.host.kid(&key, Some(answer.version));
        Ok(reply::secret(translate::of_secret(Some(&kid), &answer.secret)))
    }

    async fn random_bytes(&self, vault: VaultName, body: &[u8]) -> Result<Bytes, Problem> {
        let wire::RandomBody { count } = wire::read(body)?;
        let secret = self.broker.random_bytes(self.asker, vault, usize::from(count)).await?;
        Ok(reply::secret(translate::of_secret(None, &secret)))
    }

    async fn list_keys(&self, vault: VaultName) -> Result<Bytes, Problem> {
        let (after, rows) = (self.query.after(Listing::Keys)?, self.query.rows()?);
        let page = self.broker.list_keys(self.asker, vault, after, rows).await?;
        let value = page.items.iter().map(|row| translate::of_key_summary(row, &self.host, None)).collect();
        Ok(self.page(value, page.next, Listing::Keys, "/keys", rows))
    }

    async fn list_deleted_keys(&self, vault: VaultName) -> Result<Bytes, Problem> {
        let (after, rows) = (self.query.after(Listing::DeletedKeys)?, self.query.rows()?);
        let page = self.broker.list_deleted_keys(self.asker, vault, after, rows).await?;
        let value = page.items.iter().map(|row| translate::of_deleted_summary(row, &self.host)).collect();
        Ok(self.page(value, page.next, Listing::DeletedKeys, "/deletedkeys", rows))
    }

    async fn list_versions(&self, named: Named) -> Result<Bytes, Problem> {
        let (after, rows) = (self.query.after(Listing::Versions)?, self.query.rows()?);
        let path = versions_path(&named.key);
        let page = self.broker.list_versions(self.asker, named.vault, named.key, after, rows).await?;
        let row_of = |row| translate::of_key_summary(row, &self.host, Some(row.version.version));
        Ok(self.page(page.items.iter().map(row_of).collect(), page.next, Listing::Versions, &path, rows))
    }

    fn bundle(&self, view: &KeyView) -> Bytes {
        reply::json(&translate::of_key_view(view, &self.host, self.reader))
    }

    fn deleted_bundle(&self, view: &DeletedView) -> Bytes {
        reply::json(&translate::of_deleted_view(view, &self.host, self.reader))
    }

    fn page<T: Serialize>(&self, value: Vec<T>, next: Option<u64>, listing: Listing, path: &str, rows: usize) -> Bytes {
        let next_link = next.map(|marker| {
            let (host, api_version) = (self.host.as_str(), &self.query.api_version);
            let token = query::skip_token(listing, marker);
            format!("https://{host}{path}?api-version={api_version}&$skiptoken={token}&maxresults={rows}")
        });
        reply::json(&wire::KeyList { value, next_link })
    }
}

fn versions_path(key: &KeyName) -> String {
    format!("/keys/{key}/versions")
}
