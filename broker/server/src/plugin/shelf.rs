//! A plugin's private state in the broker's store: one setting an entry, sealed there like every record.

use std::sync::Arc;

use broker_backend_wasm::{Kept, Shelf};
use broker_core::name::BackendName;
use broker_core::port::{Change, CommitError, Later, Store};
use broker_core::refusal::Failure;
use broker_crypto::digest::sha256;

/// What such settings' names begin with; the rest is a digest, for a setting's name is short and an entry's may be long.
const PREFIX: &str = "plugin-state/";
/// The layout of a value: this byte, the length of the plugin's name in one, the name, the length of the entry's name in
/// two, the name, the revision in eight (big-endian), and the entry's value.
const LAYOUT: u8 = 1;

/// The state of one plugin.
pub struct StoreShelf {
    pub store: Arc<dyn Store>,
    pub plugin: BackendName,
}

impl Shelf for StoreShelf {
    fn entries(&self) -> Later<'static, Result<Vec<Kept>, Failure>> {
        let (store, plugin) = (Arc::clone(&self.store), self.plugin.clone());
        Box::pin(async move {
            let standing = store.standing().await?;
            let ours = standing.settings.iter().filter(|(name, _)| name.starts_with(PREFIX));
            let entry = |(name, value): &(String, Vec<u8>)| match decode(value) {
                Some((owner, kept)) => Ok((owner == plugin.as_str()).then_some(kept)),
                None => Err(Failure::internal(format!("setting {name} of the store is no entry of a plugin's state"))),
            };
            ours.map(entry).filter_map(Result::transpose).collect()
        })
    }

    fn commit(&self, changes: Vec<(String, Option<Kept>)>) -> Later<'static, Result<(), Failure>> {
        let store = Arc::clone(&self.store);
        let change = |(name, kept): (String, Option<Kept>)| {
            let setting = self.setting(&name);
            match kept {
                Some(kept) => Change::PutSetting { name: setting, value: encode(&self.plugin, &kept) },
                None => Change::DropSetting(setting),
            }
        };
        let changes = changes.into_iter().map(change).collect();
        Box::pin(async move {
            store.commit(changes).await.map_err(|error| match error {
                CommitError::Failed(failure) => failure,
                CommitError::Stale => Failure::internal("a commit of settings alone was stale"),
            })
        })
    }
}

impl StoreShelf {
    fn setting(&self, entry: &str) -> String {
        // A backend's name holds no zero byte.
        let digest = sha256(&[self.plugin.as_str().as_bytes(), &[0], entry.as_bytes()].concat());
        format!("{PREFIX}{}", crate::hex(&digest[..24]))
    }
}

fn encode(plugin: &BackendName, kept: &Kept) -> Vec<u8> {
    let (plugin, name) = (plugin.as_str().as_bytes(), kept.name.as_bytes());
    // A backend's name has 32 bytes at most, an entry's 256.
    let lengths = (plugin.len() as u8, (name.len() as u16).to_be_bytes());
    [&[LAYOUT, lengths.0], plugin, &lengths.1, name, &kept.revision.to_be_bytes(), &kept.value].concat()
}

fn decode(bytes: &[u8]) -> Option<(&str, Kept)> {
    let (&LAYOUT, rest) = bytes.split_first()? else { return None };
    let (&length, rest) = rest.split_first()?;
    let (plugin, rest) = rest.split_at_checked(length.into())?;
    let (length, rest) = rest.split_first_chunk()?;
    let (name, rest) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
    let (revision, value) = rest.split_first_chunk()?;
    let name = std::str::from_utf8(name).ok()?.to_owned();
    let kept = Kept { name, value: value.to_vec(), revision: u64::from_be_bytes(*revision) };
    Some((std::str::from_utf8(plugin).ok()?, kept))
}

#[cfg(test)]
mod tests {
    use broker_testkit::MemoryStore;

    use super::*;

    fn kept(name: &str, value: &[u8], revision: u64) -> Kept {
        Kept { name: name.to_owned(), value: value.to_vec(), revision }
    }

    #[tokio::test]
    async fn each_plugin_finds_its_own_entries_and_no_other() {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
        let shelf = |name: &str| StoreShelf { store: Arc::clone(&store), plugin: BackendName::parse(name).unwrap() };
        let (one, two) = (shelf("one"), shelf("two"));
        let long = "n".repeat(256);
        let of_one = [kept("a", b"1", 1), kept(&long, &[7; 32 << 10], u64::MAX)];
        one.commit(of_one.iter().map(|kept| (kept.name.clone(), Some(kept.clone()))).collect()).await.unwrap();
        two.commit(vec![("a".to_owned(), Some(kept("a", b"", 9)))]).await.unwrap();
        store.commit(vec![Change::PutSetting { name: "clock-mark".to_owned(), value: vec![1] }]).await.unwrap();
        let mut found = one.entries().await.unwrap();
        found.sort_by(|a, b| a.name.cmp(&b.name));
        assert_eq!(found, of_one);
        assert_eq!(two.entries().await.unwrap(), [kept("a", b"", 9)]);
        one.commit(vec![("a".to_owned(), None), (long.clone(), None)]).await.unwrap();
        assert!(one.entries().await.unwrap().is_empty());
        assert_eq!(two.entries().await.unwrap().len(), 1);
    }

    #[test]
    fn half_an_entry_is_none() {
        let whole = encode(&BackendName::parse("one").unwrap(), &kept("name", b"", 1));
        assert!(decode(&whole).is_some());
        assert!((0..whole.len()).all(|length| decode(&whole[..length]).is_none()));
    }
}
