//! What a component is and wants, found out before anyone trusts it.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::runtime::Handle;

use crate::capability::{Capability, Import};
use crate::describe::Described;
use crate::load::{Compiled, LoadError, PluginKeys, PluginSpec, Reach, cache, check_digest, compile, read, ready};
use crate::outside::Outside;
use crate::room::one_line;
use crate::signature::{Vouched, vouched};
use crate::state::State;

/// A component, looked at.
#[derive(Debug)]
pub struct Inspection {
    pub bytes: u64,
    pub sha256: [u8; 32],
    /// Or why its signature is worth nothing.
    pub vouched: Result<Vouched, String>,
    /// Names, as they stand in the component, without control characters.
    pub imports: Vec<String>,
    pub exports: Vec<String>,
    /// What it would have to be granted.
    pub needs: Vec<Capability>,
    /// Imports that no grant gives: this broker does not load it.
    pub unknown: Vec<String>,
    /// What it says of itself, or why it could not be asked.
    pub described: Result<Described, String>,
}

/// Looks at a component. Its `describe` runs as it would in a broker, within these limits, but what it imports has nothing
/// behind it: no setting, host, credential, delegate or state, and no act of cryptography.
///
/// # Errors
/// It cannot be read, is too large or no component, or does not compile.
pub async fn inspect(
    mut spec: PluginSpec,
    keys: PluginKeys,
    outside: Outside,
    cache_dir: Option<PathBuf>,
) -> Result<Inspection, LoadError> {
    let plugin = spec.name.clone();
    let state = State::open(Arc::clone(&outside.shelf)).await;
    let state = Arc::new(state.map_err(|cause| LoadError::State { plugin: plugin.clone(), cause })?);
    let reach = Reach { outside, state, counters: Arc::default(), host: Handle::current() };
    let looked = tokio::task::spawn_blocking(move || {
        let bytes = read(&spec)?;
        let digest = check_digest(&spec, &bytes)?;
        let compiled = compile(&spec, &bytes, &digest, cache(keys.cache_mac, cache_dir).as_ref())?;
        let mut seen = look(&spec, &compiled, digest, bytes.len());
        spec.grants = seen.needs.iter().copied().collect();
        let guest = ready(&spec, &compiled, keys.seal, reach);
        if let Err(error) = &guest {
            seen.described = Err(error.to_string());
        }
        Ok((seen, guest.ok()))
    });
    let looked = looked.await.map_err(|panic| LoadError::Invalid { plugin, cause: panic.to_string() })?;
    let (mut seen, guest) = looked?;
    if let Some(guest) = guest {
        seen.described = match guest.describe().await {
            Ok(said) => Described::of(said).map_err(|lie| lie.to_string()),
            Err(failure) => Err(failure.cause.unwrap_or_else(|| failure.refusal.to_string())),
        };
    }
    Ok(seen)
}

/// Without running any of it. A signature that is worth nothing is told, and not refused.
fn look(spec: &PluginSpec, compiled: &Compiled, digest: [u8; 32], bytes: usize) -> Inspection {
    let shape = compiled.component.component_type();
    let (mut needs, mut unknown, mut imports) = (Vec::new(), Vec::new(), Vec::new());
    for (import, _) in shape.imports(&compiled.engine) {
        imports.push(one_line(import));
        match Import::of(import) {
            Import::Types => {}
            Import::Capability(capability) => needs.push(capability),
            Import::Unknown => unknown.push(one_line(import)),
        }
    }
    needs.sort_unstable();
    needs.dedup();
    Inspection {
        bytes: bytes as u64,
        sha256: digest,
        vouched: vouched(&spec.wasm, &digest, &spec.trust).map_err(|error| error.to_string()),
        imports,
        exports: shape.exports(&compiled.engine).map(|(export, _)| one_line(export)).collect(),
        needs,
        unknown,
        described: Err("it was not asked".to_owned()),
    }
}
