//! Headers, as `wasi:http/types` has them.

use wasmtime::component::Resource;

use super::super::Room;
use crate::contract::outgoing::types::{HeaderError, HostFields};

/// What one list may hold: more than any request or answer may have.
const FIELDS_MAX: usize = 128;
const BYTES_MAX: usize = 16 << 10;

type Refused<T> = wasmtime::Result<Result<T, HeaderError>>;

/// Headers, in order; names in lower case.
#[derive(Debug, Clone, Default)]
pub struct Fields {
    entries: Vec<(String, Vec<u8>)>,
    /// Part of a request or an answer, which is changed no more.
    sealed: bool,
}

impl Fields {
    pub fn sealed(entries: Vec<(String, Vec<u8>)>) -> Self {
        Self { entries, sealed: true }
    }

    pub fn to_sealed(&self) -> Self {
        Self::sealed(self.entries.clone())
    }

    pub fn into_entries(self) -> Vec<(String, Vec<u8>)> {
        self.entries
    }

    fn append(&mut self, name: &str, value: Vec<u8>) -> Result<(), HeaderError> {
        let bytes: usize = self.entries.iter().map(|(name, value)| name.len() + value.len()).sum();
        if self.entries.len() >= FIELDS_MAX || bytes + name.len() + value.len() > BYTES_MAX {
            // WASI 0.2 has no word for too much.
            return Err(HeaderError::Forbidden);
        }
        self.entries.push((checked(name, &value)?, value));
        Ok(())
    }

    fn may_change(&self) -> Result<(), HeaderError> {
        if self.sealed { Err(HeaderError::Immutable) } else { Ok(()) }
    }

    fn delete(&mut self, name: &str) {
        self.entries.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
    }
}

/// A token of RFC 9110 section 5.6.2 in lower case, if the value is one too (section 5.5, without what is not ASCII).
fn checked(name: &str, value: &[u8]) -> Result<String, HeaderError> {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let text = |byte: &u8| *byte == b'\t' || (b' '..=b'~').contains(byte);
    if name.is_empty() || !name.bytes().all(token) || !value.iter().all(text) {
        return Err(HeaderError::InvalidSyntax);
    }
    Ok(name.to_ascii_lowercase())
}

impl HostFields for Room {
    fn new(&mut self) -> wasmtime::Result<Resource<Fields>> {
        self.count_call()?;
        self.put(Fields::default())
    }

    fn from_list(&mut self, entries: Vec<(String, Vec<u8>)>) -> Refused<Resource<Fields>> {
        self.count_call()?;
        let mut fields = Fields::default();
        for (name, value) in entries {
            if let Err(why) = fields.append(&name, value) {
                return Ok(Err(why));
            }
        }
        self.put(fields).map(Ok)
    }

    fn get(&mut self, fields: Resource<Fields>, name: String) -> wasmtime::Result<Vec<Vec<u8>>> {
        self.count_call()?;
        let named = |(other, _): &&(String, Vec<u8>)| other.eq_ignore_ascii_case(&name);
        Ok(self.handle(&fields)?.entries.iter().filter(named).map(|(_, value)| value.clone()).collect())
    }

    fn has(&mut self, fields: Resource<Fields>, name: String) -> wasmtime::Result<bool> {
        self.count_call()?;
        Ok(self.handle(&fields)?.entries.iter().any(|(other, _)| other.eq_ignore_ascii_case(&name)))
    }

    fn set(&mut self, fields: Resource<Fields>, name: String, values: Vec<Vec<u8>>) -> Refused<()> {
        self.count_call()?;
        let fields = self.handle_mut(&fields)?;
        let mut changed = fields.clone();
        changed.delete(&name);
        let set = fields.may_change().and_then(|()| {
            values.into_iter().try_for_each(|value| changed.append(&name, value))?;
            *fields = changed;
            Ok(())
        });
        Ok(set)
    }

    fn delete(&mut self, fields: Resource<Fields>, name: String) -> Refused<()> {
        self.count_call()?;
        let fields = self.handle_mut(&fields)?;
        Ok(fields.may_change().map(|()| fields.delete(&name)))
    }

    fn append(&mut self, fields: Resource<Fields>, name: String, value: Vec<u8>) -> Refused<()> {
        self.count_call()?;
        let fields = self.handle_mut(&fields)?;
        Ok(fields.may_change().and_then(|()| fields.append(&name, value)))
    }

    fn entries(&mut self, fields: Resource<Fields>) -> wasmtime::Result<Vec<(String, Vec<u8>)>> {
        self.count_call()?;
        Ok(self.handle(&fields)?.entries.clone())
    }

    fn clone(&mut self, fields: Resource<Fields>) -> wasmtime::Result<Resource<Fields>> {
        self.count_call()?;
        let entries = self.handle(&fields)?.entries.clone();
        self.put(Fields { entries, sealed: false })
    }

    fn drop(&mut self, fields: Resource<Fields>) -> wasmtime::Result<()> {
        self.release(fields)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_header_is_not_kept_and_what_is_too_much_neither() {
        let mut fields = Fields::default();
        fields.append("X-Name", b"a value\t!".to_vec()).unwrap();
        for (name, value) in [("", ""), ("a b", ""), ("a:", ""), ("a", "\r\nhost: b"), ("a", "\u{e9}"), ("a", "\0")] {
            let refused = fields.append(name, value.into()).unwrap_err();
            assert!(matches!(refused, HeaderError::InvalidSyntax), "{name:?}: {value:?}");
        }
        assert!(matches!(fields.append("a", vec![b'x'; BYTES_MAX]), Err(HeaderError::Forbidden)));
        (1..FIELDS_MAX).for_each(|_| fields.append("a", Vec::new()).unwrap());
        assert!(matches!(fields.append("a", Vec::new()), Err(HeaderError::Forbidden)));
        assert_eq!(fields.clone().into_entries()[0], ("x-name".to_owned(), b"a value\t!".to_vec()));
        fields.delete("A");
        assert_eq!(fields.into_entries().len(), 1);
    }
}
