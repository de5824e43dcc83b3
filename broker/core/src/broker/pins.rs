//! Pinned client certificates: trust, stop trusting, show.

use std::collections::HashMap;
use std::sync::Arc;

use super::Broker;
use super::deed::Deed;
use super::identities::Ends;
use crate::entry::Asker;
use crate::grant::{Permit, Scope};
use crate::identity::Resource;
use crate::name::AnchorName;
use crate::port::Change;
use crate::refusal::{Failure, Refusal};
use crate::turn::Ending;
use crate::vault::Pin;
use crate::verb::{self, Operation};

impl Broker {
    /// Trusts one certificate, by the SHA-256 of its DER, as principal `pin/<name>`. Needs `vaultManage` on the broker.
    ///
    /// # Errors
    /// `Forbidden`, `Conflict` (the name or the certificate is pinned already).
    pub async fn create_pin(&self, asker: &Asker, name: AnchorName, sha256: [u8; 32]) -> Result<Arc<Pin>, Refusal> {
        let mut deed = self.begin(asker, Operation::CreatePin, Scope::Broker);
        deed.detail = Some(format!("pin {name}"));
        let result = self.create_pin_decided(&mut deed, name, sha256).await;
        self.finish(deed, result).await
    }

    async fn create_pin_decided(
        &self,
        deed: &mut Deed<'_>,
        name: AnchorName,
        sha256: [u8; 32],
    ) -> Result<Arc<Pin>, Failure> {
        let permit = deed.permit::<verb::CreatePin>()?;
        let clash = |pin: &&Arc<Pin>| pin.name == name || pin.sha256 == sha256;
        let desk = self.desk.lock().await;
        if let Some(pin) = self.turns.begin().pins.values().find(clash) {
            let problem = format!("pin {} has that name or that certificate already", pin.name);
            return Err(Refusal::Conflict { problem }.into());
        }
        self.intend(deed).await?;
        let pin = Pin { name, sha256, pinned_by: permit.principal().clone(), created_s: deed.now_s };
        self.commit(vec![Change::PutPin(pin.clone())]).await?;
        let pin = Arc::new(pin);
        let ending = self.change_pins(|pins| {
            pins.insert(pin.name.clone(), Arc::clone(&pin));
        });
        drop(desk);
        self.settle(deed, ending).await;
        Ok(pin)
    }

    /// Stops trusting a pinned certificate, and ends the identities that are its own. Whoever runs the listener must then recheck its connections.
    ///
    /// # Errors
    /// `Forbidden`, `NotFound`.
    pub async fn remove_pin(&self, asker: &Asker, name: AnchorName) -> Result<(), Refusal> {
        let mut deed = self.begin(asker, Operation::RemovePin, Scope::Broker);
        deed.detail = Some(format!("pin {name}"));
        let result = self.remove_pin_decided(&mut deed, name).await;
        self.finish(deed, result).await
    }

    async fn remove_pin_decided(&self, deed: &mut Deed<'_>, name: AnchorName) -> Result<(), Failure> {
        let _spent: Permit<verb::RemovePin> = deed.permit()?;
        let desk = self.desk.lock().await;
        if !self.turns.begin().pins.contains_key(&name) {
            return Err(Refusal::NotFound { what: format!("pin {name}") }.into());
        }
        self.intend(deed).await?;
        let ends = Ends::with(&self.turns.begin(), &Resource::Pin(name.clone()));
        self.commit([vec![Change::DropPin(name.clone())], ends.changes.clone()].concat()).await?;
        let pins_ending = self.change_pins(|pins| {
            pins.remove(&name);
        });
        drop(pins_ending);
        let ending = self.turns.change(|ruling| ends.put_in_force(ruling));
        drop(desk);
        self.settle(deed, ending).await;
        Ok(())
    }

    fn change_pins(&self, edit: impl FnOnce(&mut HashMap<AnchorName, Arc<Pin>>)) -> Ending {
        let mut pins = self.turns.begin().pins.clone();
        edit(&mut pins);
        if let Some(on_pins) = self.on_pins.get() {
            on_pins(&pins.values().cloned().collect::<Vec<_>>());
        }
        self.turns.change(|ruling| ruling.pins = pins)
    }

    /// Every pinned certificate, by name.
    ///
    /// # Errors
    /// `Forbidden`.
    pub async fn list_pins(&self, asker: &Asker) -> Result<Vec<Arc<Pin>>, Refusal> {
        let deed = self.begin(asker, Operation::ListPins, Scope::Broker);
        let decide = || -> Result<Vec<Arc<Pin>>, Failure> {
            let _spent: Permit<verb::ListPins> = deed.permit()?;
            let mut pins: Vec<_> = deed.turn()?.pins.values().cloned().collect();
            pins.sort_by(|one, other| one.name.cmp(&other.name));
            Ok(pins)
        };
        let result = decide();
        self.finish(deed, result).await
    }
}
