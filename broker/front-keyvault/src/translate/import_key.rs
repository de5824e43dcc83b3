//! import: a JSON Web Key to its numbers.

use broker_core::algorithm::{KeyFamily, KeySpec};
use broker_core::broker::CreateKey;
use broker_core::imported::{EcNumbers, ImportedKey, RsaNumbers};
use broker_core::secret::Secret;

use super::{
    Named, bad, refuse_release_policy, to_attributes, to_bytes, to_ec_spec, to_family, to_operations_of, to_secret,
};
use crate::refuse::Problem;
use crate::wire;

pub(crate) fn to_import_key(named: Named, body: wire::ImportBody<'_>) -> Result<(CreateKey, ImportedKey), Problem> {
    refuse_release_policy(body.release_policy.is_some())?;
    let jwk = body.key.0;
    if jwk.key_hsm.is_some() {
        return Err(bad("key_hsm is not supported: it is for Azure's own HSMs; import the key's numbers"));
    }
    let (family, hsm) = to_family(&jwk.kty)?;
    let (spec, key) = match family {
        KeyFamily::Ec => to_ec(&jwk)?,
        KeyFamily::Oct => to_oct(&jwk)?,
        KeyFamily::Rsa => to_rsa(&jwk)?,
    };
    let attributes = to_attributes(body.attributes)?;
    let ask = CreateKey {
        vault: named.vault,
        key: named.key,
        spec,
        hsm: hsm || body.hsm == Some(true),
        operations: jwk.key_ops.as_deref().map(|words| to_operations_of(words, spec)).transpose()?,
        enabled: attributes.enabled,
        not_before_s: attributes.nbf,
        expires_s: attributes.exp,
        tags: body.tags.map(|tags| tags.0).unwrap_or_default(),
    };
    Ok((ask, key))
}

fn to_ec(jwk: &wire::PrivateJwk<'_>) -> Result<(KeySpec, ImportedKey), Problem> {
    let spec = to_ec_spec(given(jwk, "crv", jwk.crv.as_deref())?, None)?;
    let numbers = EcNumbers { x: public(jwk, "x", jwk.x)?, y: public(jwk, "y", jwk.y)?, d: private(jwk, "d", jwk.d)? };
    Ok((spec, ImportedKey::Ec(numbers)))
}

fn to_oct(jwk: &wire::PrivateJwk<'_>) -> Result<(KeySpec, ImportedKey), Problem> {
    let key = private(jwk, "k", jwk.k)?;
    let spec = match key.len() * 8 {
        128 => KeySpec::Oct128,
        192 => KeySpec::Oct192,
        256 => KeySpec::Oct256,
        other => return Err(bad(format!("key.k has {other} bits, but a key of kty {} has 128, 192 or 256", jwk.kty))),
    };
    Ok((spec, ImportedKey::Oct(key)))
}

fn to_rsa(jwk: &wire::PrivateJwk<'_>) -> Result<(KeySpec, ImportedKey), Problem> {
    let n = public(jwk, "n", jwk.n)?;
    let spec = match bits(&n) {
        2048 => KeySpec::Rsa2048,
        3072 => KeySpec::Rsa3072,
        4096 => KeySpec::Rsa4096,
        other => {
            return Err(bad(format!("key.n has {other} bits, but a key of kty {} has 2048, 3072 or 4096", jwk.kty)));
        }
    };
    let numbers = RsaNumbers {
        n,
        e: public(jwk, "e", jwk.e)?,
        d: private(jwk, "d", jwk.d)?,
        p: private(jwk, "p", jwk.p)?,
        q: private(jwk, "q", jwk.q)?,
        dp: private(jwk, "dp", jwk.dp)?,
        dq: private(jwk, "dq", jwk.dq)?,
        qi: private(jwk, "qi", jwk.qi)?,
    };
    Ok((spec, ImportedKey::Rsa(Box::new(numbers))))
}

fn given<'a>(jwk: &wire::PrivateJwk<'_>, name: &str, text: Option<&'a str>) -> Result<&'a str, Problem> {
    text.ok_or_else(|| bad(format!("key.{name} is missing: importing a key of kty {} needs it", jwk.kty)))
}

fn public(jwk: &wire::PrivateJwk<'_>, name: &str, text: Option<&str>) -> Result<Vec<u8>, Problem> {
    to_bytes(&format!("key.{name}"), Some(given(jwk, name, text)?))
}

fn private(jwk: &wire::PrivateJwk<'_>, name: &str, text: Option<&str>) -> Result<Secret, Problem> {
    to_secret(&format!("key.{name}"), given(jwk, name, text)?)
}

/// Length in bits of a big-endian number, whatever zeros lead it.
fn bits(number: &[u8]) -> usize {
    let start = number.iter().position(|byte| *byte != 0).unwrap_or(number.len());
    number[start..].first().map_or(0, |first| (number.len() - start) * 8 - first.leading_zeros() as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_in_front_of_a_number_do_not_count() {
        for (number, wanted) in
            [(&[][..], 0), (&[0, 0], 0), (&[1], 1), (&[0, 1], 1), (&[0x80], 8), (&[1, 0], 9), (&[0, 0, 0xff, 0], 16)]
        {
            assert_eq!(bits(number), wanted, "{number:?}");
        }
    }
}
