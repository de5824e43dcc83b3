//! The field of 256 elements, as AES has it (FIPS 197 section 4.2): without a table and without a branch on a value, so that
//! neither the cache nor the time tells what was multiplied.

/// x^8 = x^4 + x^3 + x + 1.
const REDUCTION: u8 = 0x1b;

pub fn multiply(left: u8, right: u8) -> u8 {
    let (mut left, mut product) = (left, 0);
    for bit in 0..8 {
        product ^= left & mask_of(right >> bit);
        left = (left << 1) ^ (REDUCTION & mask_of(left >> 7));
    }
    product
}

/// The element whose product with this one is 1; 0 for 0. In a field of 256, that is the 254th power.
pub fn inverse(element: u8) -> u8 {
    let (mut square, mut power) = (element, 1);
    for _ in 1..8 {
        square = multiply(square, square);
        power = multiply(power, square);
    }
    power
}

/// All ones for a lowest bit that is set, else zero.
const fn mask_of(bit: u8) -> u8 {
    0_u8.wrapping_sub(bit & 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_the_standards() {
        // FIPS 197 sections 4.2 and 4.2.1.
        for (left, right, product) in [(0x57, 0x83, 0xc1), (0x57, 0x13, 0xfe), (0x57, 0x02, 0xae), (0x57, 0x10, 0x07)] {
            assert_eq!(multiply(left, right), product);
            assert_eq!(multiply(right, left), product);
        }
    }

    #[test]
    fn every_element_but_zero_has_an_inverse() {
        for element in 1..=u8::MAX {
            assert_eq!(multiply(element, inverse(element)), 1, "{element}");
        }
        assert_eq!(inverse(0), 0);
    }
}
