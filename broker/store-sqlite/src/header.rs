//! The store's header: the data key, sealed under the root key, and what the data key seals of the root keys.

use broker_core::secret::Secret;
use broker_crypto::root::{ROOT_BYTES, RootKey};
use broker_crypto::{CryptoError, random};
use rusqlite::{Connection, OptionalExtension, params};

use crate::keyring::Keyring;
use crate::lineage::{Lineage, Past};
use crate::refuse::OpenError;
use crate::root::{Recipe, Root};

const DATA_KEY_PURPOSE: &[u8] = b"store data key";
const FAMILY_PURPOSE: &[u8] = b"store family";
const PAST_PURPOSE: &[u8] = b"store past roots";

/// The one row of the table `header`.
pub struct Header {
    pub store_id: [u8; 16],
    pub recipe: Recipe,
    /// Under the root key, bound to the store's id and to how the root key is made.
    data_key: Vec<u8>,
    /// Under the data key; none in a store that is older than families: its data key is in its place.
    family: Option<Vec<u8>>,
    /// Under the data key; none when there was only ever one root key.
    past: Option<Vec<u8>>,
}

impl Header {
    /// Of a new store.
    ///
    /// # Errors
    /// `WrongKey`, `WrongPassphrase`: the root has no valid length; the generator's failure.
    pub fn new(root: &Root) -> Result<(Self, Keyring), OpenError> {
        let recipe = root.new_recipe().map_err(chance)?;
        let root_key = recipe.root_key(root).map_err(|_| wrong(root))?.ok_or_else(|| wrong(root))?;
        let store_id: [u8; 16] = random::random().map_err(chance)?;
        let data_key = random::secret(ROOT_BYTES).map_err(chance)?;
        let make = || {
            let family = Lineage::new_family(&root_key)?;
            let sealing = RootKey::from_secret(copy(&data_key))?;
            let header = Self {
                store_id,
                data_key: seal_data_key(&root_key, &store_id, &recipe, &data_key)?,
                family: Some(sealing.seal_key(FAMILY_PURPOSE)?.seal(&store_id, family.expose())?),
                past: None,
                recipe,
            };
            let lineage = Lineage::new(&root_key, family, &Past::default())?;
            Ok((header, Keyring::new(copy(&data_key), lineage)?))
        };
        make().map_err(chance)
    }

    /// # Errors
    /// `NotAStore`, `Altered`, `Sql`.
    pub fn read(connection: &Connection) -> Result<Self, OpenError> {
        let row = connection
            .query_row("SELECT store_id, root, data_key, family, past_roots FROM header", (), |row| {
                Ok((row.get(0)?, row.get::<_, Vec<u8>>(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
            })
            .optional()?;
        let (store_id, recipe, data_key, family, past) = row.ok_or(OpenError::NotAStore)?;
        let recipe = Recipe::of_bytes(&recipe).ok_or_else(altered)?;
        Ok(Self { store_id, recipe, data_key, family, past })
    }

    /// Writes it into the transaction that is under way.
    ///
    /// # Errors
    /// SQLite fails.
    pub fn store(&self, connection: &Connection) -> rusqlite::Result<()> {
        connection.execute(
            "INSERT INTO header (one, store_id, root, data_key, family, past_roots) VALUES (1, ?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (one) DO UPDATE SET root = excluded.root, data_key = excluded.data_key,
             family = excluded.family, past_roots = excluded.past_roots",
            params![self.store_id, self.recipe.to_bytes(), self.data_key, self.family, self.past],
        )?;
        Ok(())
    }

    /// # Errors
    /// `WrongRoot`, `WrongKey`, `WrongPassphrase`; `Altered`.
    pub fn unseal(&self, root: &Root) -> Result<Keyring, OpenError> {
        let (root_key, data_key) = self.open(root)?;
        let (family, past) = self.kept(&data_key)?;
        let lineage = Lineage::new(&root_key, family, &past).map_err(|_| altered())?;
        Keyring::new(data_key, lineage).map_err(|_| altered())
    }

    /// The same data key under another root key; the one before stays known for the key backups made under it.
    ///
    /// # Errors
    /// As [`Header::unseal`], for either root.
    pub fn resealed(&self, old: &Root, new: &Root) -> Result<Self, OpenError> {
        let (old_key, data_key) = self.open(old)?;
        let (_, mut past) = self.kept(&data_key)?;
        let recipe = new.new_recipe().map_err(chance)?;
        let new_key = recipe.root_key(new).map_err(|_| wrong(new))?.ok_or_else(|| wrong(new))?;
        let make = || {
            past.push(&old_key)?;
            let sealing = RootKey::from_secret(copy(&data_key))?.seal_key(PAST_PURPOSE)?;
            Ok(Self {
                store_id: self.store_id,
                data_key: seal_data_key(&new_key, &self.store_id, &recipe, &data_key)?,
                family: self.family.clone(),
                past: Some(sealing.seal(&self.store_id, past.to_secret().expose())?),
                recipe,
            })
        };
        make().map_err(chance)
    }

    fn open(&self, root: &Root) -> Result<(RootKey, Secret), OpenError> {
        let mismatch = || OpenError::WrongRoot { made_with: self.recipe.word(), given: root.word() };
        let root_key = self.recipe.root_key(root).map_err(|_| wrong(root))?.ok_or_else(mismatch)?;
        let seal = root_key.seal_key(DATA_KEY_PURPOSE).map_err(|_| wrong(root))?;
        let data_key = seal.open(&place(&self.store_id, &self.recipe), &self.data_key).map_err(|_| wrong(root))?;
        Ok((root_key, data_key))
    }

    /// What the data key seals beside the records.
    fn kept(&self, data_key: &Secret) -> Result<(Secret, Past), OpenError> {
        let sealing = RootKey::from_secret(copy(data_key)).map_err(|_| altered())?;
        let open = |purpose, sealed: &[u8]| {
            let key = sealing.seal_key(purpose).map_err(|_| altered())?;
            key.open(&self.store_id, sealed).map_err(|_| altered())
        };
        let family = self.family.as_ref().map_or_else(|| Ok(copy(data_key)), |sealed| open(FAMILY_PURPOSE, sealed))?;
        let past = match &self.past {
            None => Past::default(),
            Some(sealed) => Past::of_secret(&open(PAST_PURPOSE, sealed)?).ok_or_else(altered)?,
        };
        Ok((family, past))
    }
}

fn seal_data_key(
    root_key: &RootKey,
    store_id: &[u8; 16],
    recipe: &Recipe,
    data_key: &Secret,
) -> Result<Vec<u8>, CryptoError> {
    root_key.seal_key(DATA_KEY_PURPOSE)?.seal(&place(store_id, recipe), data_key.expose())
}

/// What the data key is bound to.
fn place(store_id: &[u8; 16], recipe: &Recipe) -> Vec<u8> {
    [&store_id[..], &recipe.to_bytes()].concat()
}

fn copy(secret: &Secret) -> Secret {
    Secret::copied_from(secret.expose())
}

fn altered() -> OpenError {
    OpenError::Altered("its header holds what keybroker never writes".to_owned())
}

fn chance(error: CryptoError) -> OpenError {
    OpenError::Chance(error.to_string())
}

const fn wrong(root: &Root) -> OpenError {
    match root {
        Root::Key(_) => OpenError::WrongKey,
        Root::Passphrase(_) => OpenError::WrongPassphrase,
        Root::Recovered(_) => OpenError::WrongShares,
        Root::Token { .. } => OpenError::WrongToken,
    }
}
