//! A root key split into shares (Shamir, over GF(256)): any m of n give it back, fewer tell nothing of it.

use std::convert::Infallible;
use std::fmt::Write as _;

use broker_core::secret::Secret;
use rand_core::{TryCryptoRng, TryRng};
use vsss_rs::Gf256;
use zeroize::Zeroizing;

use crate::digest::sha256;
use crate::root::{ROOT_BYTES, RootId, RootKey};
use crate::{CryptoError, random};

/// Most shares of one key.
pub const SHARES_MAX: u8 = 32;
/// What a share's text begins with: its kind and the version of the format.
const PREFIX: &str = "kbshare1";
/// How many bytes of SHA-256 guard a share's text against slips of the pen.
const CHECK_BYTES: usize = 4;
/// Longest text of a share in bytes.
pub const SHARE_TEXT_BYTES_MAX: usize = 160;

/// How many shares there are, and how many of them give the key back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quorum {
    needed: u8,
    all: u8,
}

impl Quorum {
    /// From `3-of-5`: 2 to 32 shares, at least 2 of them needed (one alone would be the key itself).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (needed, all) = text.split_once("-of-")?;
        // One form: no sign, no zero in front.
        let number = |digits: &str| digits.parse::<u8>().ok().filter(|number| number.to_string() == digits);
        let (needed, all) = (number(needed)?, number(all)?);
        (2..=all).contains(&needed).then_some(Self { needed, all }).filter(|_| all <= SHARES_MAX)
    }

    #[must_use]
    pub const fn needed(self) -> u8 {
        self.needed
    }

    #[must_use]
    pub const fn all(self) -> u8 {
        self.all
    }
}

/// Why shares give no key back. Nothing of it is secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShareError {
    #[error("share {0} is no share, or was mistyped: its check digits do not fit")]
    Mistyped(usize),
    #[error("share {0} is of another root key than share 1")]
    Foreign(usize),
    #[error("share {0} was given twice")]
    Twice(usize),
    #[error("{given} of the {needed} shares that are needed were given")]
    TooFew { given: usize, needed: u8 },
    #[error("the shares together make no root key: one of them was altered")]
    Altered,
}

/// The key's shares, each a line of text without its end: `kbshare1-<root id>-<needed>-<number>-<32 bytes>-<check>`, all
/// numbers hexadecimal. Each is a secret, though alone it tells nothing.
///
/// # Errors
/// `BadKey` when it is no root key.
pub fn split(root: &Secret, quorum: Quorum) -> Result<Vec<Secret>, CryptoError> {
    let id = RootKey::from_secret(Secret::copied_from(root.expose()))?.id()?;
    let mut chance = Chance::default();
    let (needed, all) = (usize::from(quorum.needed), usize::from(quorum.all));
    let shares = Gf256::split_bytes(needed, all, root.expose(), &mut chance).map_err(|_| CryptoError::Internal)?;
    let shares: Vec<_> = shares.into_iter().map(Zeroizing::new).collect();
    if chance.failed {
        return Err(CryptoError::Internal);
    }
    Ok(shares.iter().map(|share| text_of(id, quorum.needed, share)).collect())
}

/// This crate's generator, as `vsss-rs` asks for one: a failure, which it has no word for, is kept and told by [`split`].
#[derive(Default)]
struct Chance {
    failed: bool,
}

impl TryRng for Chance {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_ne_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_ne_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.failed |= random::fill(bytes).is_err();
        Ok(())
    }
}

impl TryCryptoRng for Chance {}

/// The root key that these shares were made of; checked against the id that each of them carries.
///
/// # Errors
/// Each [`ShareError`] by the number of the share in the order given, from 1.
pub fn combine(texts: &[Secret]) -> Result<Secret, ShareError> {
    let mut parts: Vec<Part> = Vec::with_capacity(texts.len());
    for (index, text) in texts.iter().enumerate() {
        let number = index + 1;
        let part = Part::of_text(text).ok_or(ShareError::Mistyped(number))?;
        if parts.first().is_some_and(|first| first.root != part.root || first.needed != part.needed) {
            return Err(ShareError::Foreign(number));
        }
        if parts.iter().any(|other| other.bytes[0] == part.bytes[0]) {
            return Err(ShareError::Twice(number));
        }
        parts.push(part);
    }
    let Some((root, needed)) = parts.first().map(|first| (first.root, first.needed)) else {
        return Err(ShareError::TooFew { given: 0, needed: 2 });
    };
    if parts.len() < usize::from(needed) {
        return Err(ShareError::TooFew { given: parts.len(), needed });
    }
    let whole = interpolated(&parts[..usize::from(needed)]).ok_or(ShareError::Altered)?;
    let found = RootKey::from_secret(Secret::copied_from(whole.expose())).and_then(|key| key.id());
    if found == Ok(root) { Ok(whole) } else { Err(ShareError::Altered) }
}

/// The polynomials' values at 0. `None` when the shares do not fit each other.
fn interpolated(parts: &[Part]) -> Option<Secret> {
    let shares: Zeroizing<Vec<_>> = Zeroizing::new(parts.iter().map(|part| part.bytes.to_vec()).collect());
    Gf256::combine_bytes(&*shares).ok().map(Secret::new)
}

struct Part {
    root: RootId,
    needed: u8,
    /// Its number, then its value.
    bytes: Zeroizing<Vec<u8>>,
}

fn text_of(root: RootId, needed: u8, bytes: &[u8]) -> Secret {
    // Sized once: a text that grew would leave copies behind.
    let mut text = String::with_capacity(SHARE_TEXT_BYTES_MAX);
    let mut put = |part: std::fmt::Arguments<'_>| text.write_fmt(part).expect("memory can be written");
    put(format_args!("{PREFIX}-{root}-{needed:02x}-{:02x}-", bytes[0]));
    bytes[1..].iter().for_each(|byte| put(format_args!("{byte:02x}")));
    let check = sha256(text.as_bytes());
    text.push('-');
    for byte in &check[..CHECK_BYTES] {
        text.write_fmt(format_args!("{byte:02x}")).expect("memory can be written");
    }
    Secret::new(text.into_bytes())
}

impl Part {
    fn of_text(text: &Secret) -> Option<Self> {
        let text = std::str::from_utf8(text.expose()).ok()?.trim();
        let (checked, check) = text.rsplit_once('-')?;
        if unhex(check)?[..] != sha256(checked.as_bytes())[..CHECK_BYTES] {
            return None;
        }
        let mut parts = checked.split('-');
        if parts.next()? != PREFIX {
            return None;
        }
        let root = RootId(unhex(parts.next()?)?[..].try_into().ok()?);
        let [needed] = unhex(parts.next()?)?[..] else { return None };
        let [number] = unhex(parts.next()?)?[..] else { return None };
        let value = unhex(parts.next()?)?;
        let sound =
            parts.next().is_none() && value.len() == ROOT_BYTES && number > 0 && (2..=SHARES_MAX).contains(&needed);
        let mut bytes = Zeroizing::new(Vec::with_capacity(ROOT_BYTES + 1));
        bytes.push(number);
        bytes.extend_from_slice(&value);
        sound.then_some(Self { root, needed, bytes })
    }
}

/// Lower-case or upper-case hexadecimal digits, an even number of them.
fn unhex(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    if !text.len().is_multiple_of(2) || text.len() > SHARE_TEXT_BYTES_MAX {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len() / 2));
    for pair in text.as_bytes().chunks_exact(2) {
        bytes.push(digit(pair[0])? << 4 | digit(pair[1])?);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn root() -> Secret {
        Secret::new((0..32).collect())
    }

    fn copies(shares: &[Secret], numbers: &[usize]) -> Vec<Secret> {
        numbers.iter().map(|&number| Secret::copied_from(shares[number].expose())).collect()
    }

    #[test]
    fn any_three_of_five_give_the_key_back_and_two_do_not() {
        let shares = split(&root(), Quorum::parse("3-of-5").unwrap()).unwrap();
        assert_eq!(shares.len(), 5);
        for numbers in [[0, 1, 2], [4, 2, 0], [1, 3, 4]] {
            assert_eq!(combine(&copies(&shares, &numbers)).unwrap().expose(), root().expose());
        }
        assert_eq!(combine(&copies(&shares, &[0, 1, 2, 3, 4])).unwrap().expose(), root().expose());
        let few = combine(&copies(&shares, &[3, 1])).unwrap_err();
        assert_eq!(few, ShareError::TooFew { given: 2, needed: 3 });
        assert_eq!(combine(&[]).unwrap_err(), ShareError::TooFew { given: 0, needed: 2 });
        assert_eq!(combine(&copies(&shares, &[1, 2, 1])).unwrap_err(), ShareError::Twice(3));
        assert!(shares.iter().all(|share| share.expose().len() <= SHARE_TEXT_BYTES_MAX));
    }

    #[test]
    fn a_share_of_another_key_a_mistyped_and_an_altered_one_are_refused_by_number() {
        let quorum = Quorum::parse("2-of-3").unwrap();
        let shares = split(&root(), quorum).unwrap();
        let others = split(&Secret::new(vec![9; 32]), quorum).unwrap();
        let mixed = [Secret::copied_from(shares[0].expose()), Secret::copied_from(others[1].expose())];
        assert_eq!(combine(&mixed).unwrap_err(), ShareError::Foreign(2));
        let text = String::from_utf8(shares[1].expose().to_vec()).unwrap();
        for at in 0..text.len() {
            let mut bent = text.clone().into_bytes();
            bent[at] = if bent[at] == b'1' { b'2' } else { b'1' };
            let given = [Secret::copied_from(shares[0].expose()), Secret::new(bent)];
            assert_eq!(combine(&given).unwrap_err(), ShareError::Mistyped(2), "{at}");
        }
        // Whoever bends a share on purpose makes its check digits fit; the key's own id does not.
        let part = Part::of_text(&shares[1]).unwrap();
        let mut bytes = part.bytes.to_vec();
        bytes[7] ^= 1;
        let given = [Secret::copied_from(shares[0].expose()), text_of(part.root, part.needed, &bytes)];
        assert_eq!(combine(&given).unwrap_err(), ShareError::Altered);
    }

    #[test]
    fn a_quorum_is_at_least_two_and_at_most_all() {
        for (text, sound) in [
            ("3-of-5", true),
            ("2-of-2", true),
            ("32-of-32", true),
            ("1-of-5", false),
            ("6-of-5", false),
            ("2-of-33", false),
            ("0-of-0", false),
            ("3of5", false),
            ("-1-of-5", false),
            ("+3-of-5", false),
            ("3-of-05", false),
            ("", false),
        ] {
            assert_eq!(Quorum::parse(text).is_some(), sound, "{text:?}");
        }
    }

    /// Shares of the bytes 0 to 31, any three of which are enough: what was printed once opens for ever, in the field of
    /// AES (FIPS 197 section 4.2), each share at the point of its number.
    #[test]
    fn shares_printed_long_ago_give_the_same_key() {
        let shares = [
            "011c387afb88cbf94b0f057fa721b6fec7b525efb1f5829b46a6cfba0bc92c4708",
            "026a4676142db75cf0b046512dbf664f4c6e3610c3d67bc2325e4d566d9c4e9aaa",
            "03767f0eeca179a3bcb74a248192ddbf84cb02ed6137ec4f63e09bf67d497fc3bd",
            "04875bccf0feae78558dd04ec8f8c352845078b7a2e7bedc771010deb4c37fd534",
        ];
        let part = |number: &usize| Part { root: RootId([0; 8]), needed: 3, bytes: unhex(shares[*number]).unwrap() };
        for chosen in [[0, 1, 2], [3, 1, 0], [2, 0, 3]] {
            let parts: Vec<_> = chosen.iter().map(part).collect();
            assert_eq!(interpolated(&parts).unwrap().expose(), root().expose(), "{chosen:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_refused_without_a_panic(bytes: Vec<u8>) {
            prop_assert!(combine(&[Secret::new(bytes)]).is_err());
        }
    }
}
