//! Makes a component of a guest's core module; never lets one out that imports anything beyond the contract.
//!
//! `componentize CORE.wasm COMPONENT.wasm` writes the component, if it differs from the file already there, and prints
//! its size and its imports.

use std::path::Path;
use std::{env, fs};

use anyhow::{Context, Result, bail, ensure};
use wasmparser::{Parser, Payload};
use wit_component::ComponentEncoder;

/// What a guest's imports begin with: the contract, and `wasi:http` with what its types lean on, which comes with `http`. Of
/// WASI nothing else is granted: a guest has no clock, file or socket.
const CONTRACT: &str = "keybroker:backend/";
const OUTGOING: [&str; 6] = [
    "wasi:clocks/monotonic-clock@0.2.",
    "wasi:http/outgoing-handler@0.2.",
    "wasi:http/types@0.2.",
    "wasi:io/error@0.2.",
    "wasi:io/poll@0.2.",
    "wasi:io/streams@0.2.",
];

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [core_path, component_path] = arguments.as_slice() else {
        bail!("usage: componentize CORE.wasm COMPONENT.wasm");
    };
    let core = fs::read(core_path).with_context(|| format!("cannot read {core_path}"))?;
    let component = encode(&core).with_context(|| format!("{core_path} does not make a component"))?;
    let imports = contract_imports(&component).with_context(|| format!("{core_path} is no guest"))?;
    replace(Path::new(component_path), &component)?;
    println!("   {component_path}: {} KB, imports {}", component.len().div_ceil(1024), imports.join(", "));
    Ok(())
}

/// The component of a core module that carries its WIT in a custom section, validated.
fn encode(core: &[u8]) -> Result<Vec<u8>> {
    ComponentEncoder::default().validate(true).module(core)?.encode()
}

/// The names a component imports, in its own order; fails on one that is not of the contract, and where there is none.
/// The outermost level alone counts: what is inside is linked inside.
fn contract_imports(component: &[u8]) -> Result<Vec<String>> {
    let mut names = Vec::new();
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(component) {
        match payload? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    let name = import?.name.name;
                    let granted = name.starts_with(CONTRACT) || OUTGOING.iter().any(|begin| name.starts_with(begin));
                    ensure!(granted, "it imports {name}, which is not of {CONTRACT}");
                    names.push(name.to_owned());
                }
            }
            _ => {}
        }
    }
    ensure!(!names.is_empty(), "it imports nothing, and without the host's cryptography nothing can be served");
    Ok(names)
}

/// Writes `bytes` to `path` in one step, so that a broker starting meanwhile never reads half a guest.
fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    let unfinished = path.with_extension(format!("{}.unfinished", std::process::id()));
    fs::write(&unfinished, bytes).with_context(|| format!("cannot write {}", unfinished.display()))?;
    fs::rename(&unfinished, path).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(wat: &str, expected: Result<&[&str], &str>) {
        let component = wat::parse_str(wat).expect("the row is a component");
        match (contract_imports(&component), expected) {
            (Ok(names), Ok(expected)) => assert_eq!(names, expected, "{wat}"),
            (Err(error), Err(expected)) => assert!(error.to_string().contains(expected), "{wat}: {error}"),
            (got, expected) => panic!("{wat}: expected {expected:?}, got {got:?}"),
        }
    }

    #[test]
    fn only_imports_of_the_contract_pass() {
        let crypto = r#"(import "keybroker:backend/crypto@0.1.0" (instance))"#;
        check(&format!("(component {crypto})"), Ok(&["keybroker:backend/crypto@0.1.0"]));
        let wasi = r#"(import "wasi:cli/environment@0.2.0" (instance))"#;
        check(&format!("(component {crypto} {wasi})"), Err("wasi:cli/environment@0.2.0"));
        let outgoing = r#"(import "wasi:http/types@0.2.3" (instance))"#;
        check(
            &format!("(component {crypto} {outgoing})"),
            Ok(&["keybroker:backend/crypto@0.1.0", "wasi:http/types@0.2.3"]),
        );
        check(
            &format!("(component {crypto} {})", outgoing.replace("types", "incoming-handler")),
            Err("incoming-handler"),
        );
        check(r#"(component (import "keybroker:backends/crypto@0.1.0" (instance)))"#, Err("keybroker:backends"));
        check(r#"(component (import "open" (func)))"#, Err("open"));
        check("(component)", Err("imports nothing"));
    }

    #[test]
    fn imports_of_inner_modules_and_components_are_their_own_affair() {
        let inner = r#"(core module (import "env" "f" (func))) (component (import "inner" (func)))"#;
        let outer = r#"(import "keybroker:backend/log@0.1.0" (instance))"#;
        check(&format!("(component {inner} {outer})"), Ok(&["keybroker:backend/log@0.1.0"]));
    }

    #[test]
    fn a_core_module_without_wit_does_not_become_a_guest() {
        let core = wat::parse_str("(module)").expect("a module");
        assert!(encode(&core).and_then(|component| contract_imports(&component)).is_err());
    }
}
