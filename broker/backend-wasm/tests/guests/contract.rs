//! The published contract stays as it was published.

use std::path::Path;

use broker_crypto::digest::sha256;

/// SHA-256 over every file of a version, by name: the name, a zero byte, the length in eight bytes, the text.
const PUBLISHED: [(&str, &str); 1] = [("0.1.0", "c41d2cb9426b73bf67d45032c11fbe15782aa3a9ed48dc739e5b4aa123727157")];

fn digest_of(version: &Path) -> String {
    let mut files: Vec<_> = std::fs::read_dir(version).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut bytes = Vec::new();
    for file in files {
        let text = std::fs::read(&file).unwrap();
        bytes.extend_from_slice(file.file_name().unwrap().to_str().unwrap().as_bytes());
        bytes.push(0);
        bytes.extend_from_slice(&(text.len() as u64).to_be_bytes());
        bytes.extend_from_slice(&text);
    }
    sha256(&bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_published_version_is_never_edited() {
    let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit");
    let folders = std::fs::read_dir(&wit).unwrap().filter(|entry| entry.as_ref().unwrap().path().is_dir()).count();
    assert_eq!(folders, PUBLISHED.len(), "a version without its digest here");
    for (version, published) in PUBLISHED {
        let found = digest_of(&wit.join(version));
        assert_eq!(found, published, "wit/{version} is published: what is new goes into the next version's folder");
    }
}
