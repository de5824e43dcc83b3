//! Client networks: CIDR blocks of IPv4 and IPv6 (RFC 4632 section 3.1, RFC 4291 section 2.3).

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// Most networks of one list.
pub const NETWORKS_MAX: usize = 128;

/// Bits before the IPv4 address in an IPv4-mapped IPv6 address (RFC 4291 section 2.5.5.2).
const MAPPED_BITS: u8 = 96;

/// A block of addresses. IPv4-mapped IPv6 is the same as IPv4, in blocks and in clients' addresses: which of the two a
/// socket reports depends on how it listens, and must not decide who comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network {
    base: IpAddr,
    prefix: u8,
}

impl Network {
    /// Takes `address/prefix`, or an address alone, which is a block of one.
    ///
    /// # Errors
    /// A text for people that says what is wrong; bits of the address beyond its prefix are a mistake too.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (address, prefix) = text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
        let wrong = || format!("network {text:?} must be an address with a prefix, such as 10.0.0.0/8 or fd00::/8");
        let base: IpAddr = address.parse().map_err(|_| wrong())?;
        let whole = bits_of(base);
        let plain =
            |digits: &str| digits.bytes().all(|b| b.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
        let prefix = match prefix {
            None => whole,
            Some(digits) if plain(digits) => digits.parse().ok().filter(|prefix| *prefix <= whole).ok_or_else(wrong)?,
            Some(_) => return Err(wrong()),
        };
        let network = match base.to_canonical() {
            IpAddr::V4(mapped) if base.is_ipv6() && prefix >= MAPPED_BITS => {
                Self { base: IpAddr::V4(mapped), prefix: prefix - MAPPED_BITS }
            }
            _ => Self { base, prefix },
        };
        let first = masked(network.base, network.prefix);
        if first != network.base {
            let meant = Self { base: first, ..network };
            return Err(format!("network {text:?} has bits set beyond its prefix; its first address is in {meant}"));
        }
        Ok(network)
    }

    /// Whether the block holds an address.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        bits_of(address) == bits_of(self.base) && masked(address, self.prefix) == self.base
    }
}

const fn bits_of(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

/// The address with every bit behind the prefix cleared.
fn masked(address: IpAddr, prefix: u8) -> IpAddr {
    let cleared = u32::from(bits_of(address) - prefix);
    match address {
        IpAddr::V4(four) => IpAddr::V4((four.to_bits() & u32::MAX.checked_shl(cleared).unwrap_or(0)).into()),
        IpAddr::V6(six) => IpAddr::V6(Ipv6Addr::from_bits(six.to_bits() & u128::MAX.checked_shl(cleared).unwrap_or(0))),
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.base, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(network: &str, address: &str) -> bool {
        Network::parse(network).unwrap().contains(address.parse().unwrap())
    }

    #[test]
    fn a_block_holds_its_addresses_and_no_others() {
        for (network, inside, outside) in [
            (
                "10.0.0.0/8",
                &["10.0.0.0", "10.255.255.255", "::ffff:10.1.2.3"][..],
                &["11.0.0.0", "9.255.255.255", "::10.1.2.3"][..],
            ),
            ("192.0.2.7", &["192.0.2.7"], &["192.0.2.6", "192.0.2.8"]),
            ("192.0.2.4/30", &["192.0.2.4", "192.0.2.7"], &["192.0.2.3", "192.0.2.8"]),
            ("0.0.0.0/0", &["1.2.3.4", "::ffff:1.2.3.4"], &["::1"]),
            ("::/0", &["::1", "fd00::1"], &["1.2.3.4", "::ffff:1.2.3.4"]),
            ("2001:db8::/33", &["2001:db8:7fff::1"], &["2001:db8:8000::"]),
            ("::1", &["::1"], &["::2", "0.0.0.1"]),
            ("::ffff:10.0.0.0/104", &["10.9.9.9", "::ffff:10.9.9.9"], &["11.0.0.0"]),
        ] {
            for address in inside {
                assert!(holds(network, address), "{network} {address}");
            }
            for address in outside {
                assert!(!holds(network, address), "{network} {address}");
            }
        }
    }

    #[test]
    fn a_block_has_one_form() {
        for (text, form) in [
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("10.1.2.3", "10.1.2.3/32"),
            ("2001:DB8:0::/32", "2001:db8::/32"),
            ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
            ("::ffff:10.1.2.3", "10.1.2.3/32"),
        ] {
            assert_eq!(Network::parse(text).unwrap().to_string(), form);
        }
    }

    #[test]
    fn what_is_no_block_is_refused() {
        for text in [
            "",
            "/8",
            "10.0.0.0/",
            "10.0.0.0/33",
            "10.0.0.0/+8",
            "10.0.0.0/08",
            "10.0.0/8",
            "::/129",
            "host/8",
            "10.0.0.0/8/8",
            "::ffff:0:0/95",
            "fe80::1%eth0",
        ] {
            assert!(Network::parse(text).is_err(), "{text}");
        }
        let told = Network::parse("10.1.2.3/8").unwrap_err();
        assert!(told.contains("10.0.0.0/8"), "{told}");
    }
}
