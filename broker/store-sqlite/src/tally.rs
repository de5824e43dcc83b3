//! A sum over all rows of a table that only the holder of the key can make: equal sums mean equal rows, in any order
//! (MSet-Add-Hash: Clarke, Devadas, van Dijk, Gassend, Suh, ASIACRYPT 2003). Adding or removing a row costs one MAC.

/// The sum modulo 2^256 of the rows' MACs, least significant word first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally([u64; 4]);

impl Tally {
    pub fn add(&mut self, element: &[u8; 32]) {
        let mut carry = false;
        for (word, other) in self.0.iter_mut().zip(words(element)) {
            (*word, carry) = word.carrying_add(other, carry);
        }
    }

    pub fn remove(&mut self, element: &[u8; 32]) {
        let mut borrow = false;
        for (word, other) in self.0.iter_mut().zip(words(element)) {
            (*word, borrow) = word.borrowing_sub(other, borrow);
        }
    }

    /// 32 bytes, least significant first.
    pub fn to_bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for (place, word) in bytes.chunks_exact_mut(8).zip(self.0) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        Self(words(bytes))
    }
}

fn words(bytes: &[u8; 32]) -> [u64; 4] {
    std::array::from_fn(|index| {
        let mut word = [0; 8];
        word.copy_from_slice(&bytes[index * 8..index * 8 + 8]);
        u64::from_le_bytes(word)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_was_added_can_be_removed_in_any_order(elements: Vec<[u8; 32]>, turn in 0_usize..50) {
            let mut sum = Tally::default();
            elements.iter().for_each(|element| sum.add(element));
            let mut other = elements.clone();
            other.rotate_left(turn % elements.len().max(1));
            let mut same = Tally::default();
            other.iter().for_each(|element| same.add(element));
            prop_assert_eq!(sum, same);
            prop_assert_eq!(Tally::from_bytes(&sum.to_bytes()), sum);
            other.iter().for_each(|element| sum.remove(element));
            prop_assert_eq!(sum, Tally::default());
        }
    }

    #[test]
    fn a_sum_carries_and_borrows_over_all_words() {
        let mut sum = Tally([u64::MAX; 4]);
        let mut one = [0; 32];
        one[0] = 1;
        sum.add(&one);
        assert_eq!(sum, Tally::default());
        sum.remove(&one);
        assert_eq!(sum, Tally([u64::MAX; 4]));
    }
}
