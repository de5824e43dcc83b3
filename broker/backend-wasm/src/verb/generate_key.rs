//! generate-key: a new version of a key.

use broker_core::algorithm::{KeyFamily, KeySpec, PublicKey};
use broker_core::name::KeyVersion;
use broker_core::port::{Generated, Making};
use broker_core::refusal::Failure;

use crate::backend::WasmBackend;
use crate::call::Instance;
use crate::capability::Capability;
use crate::contract;
use crate::frame::{Frame, Place, Verb};
use crate::refuse::{Ending, ended, unsupported};
use crate::translate;

impl WasmBackend {
    pub(crate) async fn make_key(
        &self,
        permit: Making,
        version: KeyVersion,
        spec: KeySpec,
    ) -> Result<Generated, Failure> {
        let (vault, key) = permit.key()?;
        let place = Place { vault: vault.clone(), key: key.clone(), version };
        self.check_spec(spec)?;
        let call = self.guest.begin(self.guest.shared.limits.generate_ms_max).await?;
        call.within(Verb::GenerateKey, async {
            let context = translate::context(&place);
            let mut instance = call.enter(Frame::about(Verb::GenerateKey, place)).await?;
            let keys = instance.exports.keybroker_backend_keys();
            let answer = keys.call_generate_key(&mut instance.store, translate::spec_to_guest(spec), &context).await;
            let generated = instance.settle_result(spec.word(), answer)?;
            instance.check_made(spec, generated)
        })
        .await
    }

    pub(crate) fn check_spec(&self, spec: KeySpec) -> Result<(), Failure> {
        match self.described().capabilities.key_specs.contains(&spec) {
            true => Ok(()),
            false => Err(unsupported(self.name(), spec.word()).into()),
        }
    }
}

impl Instance {
    /// Whether the answer speaks of a key that the host made during this very call. Otherwise a hostile guest could hand out
    /// the public half of a key whose private half it knows.
    ///
    /// A plugin that sees secrets anyway is taken at its word, for its keys may lie elsewhere; one that delegates may have
    /// symmetric keys elsewhere, which have no public half to lie about.
    pub(crate) fn check_made(&self, spec: KeySpec, generated: contract::Generated) -> Result<Generated, Failure> {
        let room = self.store.data();
        let made = Generated { opaque: generated.material, public: translate::public_of_guest(generated.public_key) };
        self.check_output(&[&made.opaque])?;
        let grants = room.shared.grants;
        let trusted = grants.has(Capability::Reveal) && fits(spec, &made.public);
        let elsewhere =
            grants.has(Capability::Delegate) && spec.family() == KeyFamily::Oct && made.public == PublicKey::None;
        if made.opaque.is_empty() || !(trusted || elsewhere || made_here(&room.made, spec, &made.public)) {
            let cause = "it answered a key that was not made in this call";
            return Err(ended(&room.shared, room.frame.verb, Ending::Trap, cause));
        }
        Ok(made)
    }
}

fn made_here(made: &[(KeySpec, PublicKey)], spec: KeySpec, answered: &PublicKey) -> bool {
    made.iter().any(|(made_spec, public)| *made_spec == spec && public == answered)
}

/// Whether a public half that is taken on trust is at least one of this spec.
fn fits(spec: KeySpec, answered: &PublicKey) -> bool {
    let key = |bytes: usize, field: &[u8]| field.len() == bytes;
    match (spec, answered) {
        (KeySpec::Rsa2048, PublicKey::Rsa { n, .. }) => key(256, n),
        (KeySpec::Rsa3072, PublicKey::Rsa { n, .. }) => key(384, n),
        (KeySpec::Rsa4096, PublicKey::Rsa { n, .. }) => key(512, n),
        (KeySpec::EcP256, PublicKey::Ec { x, y }) => key(32, x) && key(32, y),
        (KeySpec::EcP384, PublicKey::Ec { x, y }) => key(48, x) && key(48, y),
        (KeySpec::EcP521, PublicKey::Ec { x, y }) => key(66, x) && key(66, y),
        (KeySpec::Oct128 | KeySpec::Oct192 | KeySpec::Oct256, PublicKey::None) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_half_taken_on_trust_is_of_the_spec() {
        let rsa = |bytes| PublicKey::Rsa { n: vec![0xAA; bytes], e: vec![1, 0, 1] };
        assert!(fits(KeySpec::Rsa2048, &rsa(256)) && fits(KeySpec::Oct256, &PublicKey::None));
        assert!(!fits(KeySpec::Rsa2048, &rsa(255)) && !fits(KeySpec::Rsa2048, &PublicKey::None));
        assert!(!fits(KeySpec::Oct256, &rsa(256)) && !fits(KeySpec::EcP256, &rsa(256)));
    }

    #[test]
    fn a_guest_cannot_pass_off_a_public_key_that_the_host_did_not_make() {
        let rsa = |byte| PublicKey::Rsa { n: vec![byte; 256], e: vec![1, 0, 1] };
        let sealed = [(KeySpec::Rsa2048, rsa(0xAA))];
        assert!(made_here(&sealed, KeySpec::Rsa2048, &rsa(0xAA)));
        assert!(!made_here(&sealed, KeySpec::Rsa2048, &rsa(0xAB)), "a key of its own");
        assert!(!made_here(&sealed, KeySpec::Rsa3072, &rsa(0xAA)), "another spec than was asked for");
        assert!(!made_here(&sealed, KeySpec::Rsa2048, &PublicKey::None), "none at all");
        assert!(!made_here(&[], KeySpec::Oct256, &PublicKey::None), "nothing was sealed");
    }
}
