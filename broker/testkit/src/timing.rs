//! Whether the time that something takes tells of which kind its input was: a t-test over interleaved measurements, after
//! dudect (Reparaz, Balasch, Verbauwhede, 2017).

use rustix::time::{ClockId, clock_gettime};

/// A |t| beyond this is a difference; dudect takes 4.5 for one pair of kinds, and here are several.
pub const T_MAX: f64 = 6.0;

/// A difference is one that shows each time of so many: another process on the machine shows once.
const ATTEMPTS: usize = 3;

/// So many of all rounds count, the quickest; the rest was interrupted.
const KEPT_PERCENT: usize = 75;

/// Two kinds that can be told apart, with the smallest |t| of all attempts.
#[derive(Debug)]
pub struct Told {
    pub kinds: (usize, usize),
    pub t: f64,
}

/// Does `work` on inputs of `kinds` kinds, `rounds` times on each, in an order by chance, and gives the pairs of kinds whose
/// times differ. `input` is given the kind and the round, `work` the kind and the input.
///
/// All inputs are brought to one place before the clock starts: one that lies badly for the caches has a time of its own.
pub fn told_apart<'i>(
    kinds: usize,
    rounds: usize,
    input: impl Fn(usize, usize) -> &'i [u8],
    mut work: impl FnMut(usize, &[u8]),
) -> Vec<Told> {
    let mut place = Vec::new();
    let mut timed = |kind, round| {
        place.clear();
        place.extend_from_slice(input(kind, round));
        let began = processor_ns();
        work(kind, &place);
        processor_ns() - began
    };
    let mut told: Option<Vec<Told>> = None;
    for attempt in 0..ATTEMPTS {
        let times = measured(kinds, rounds, attempt as u64, &mut timed);
        let now = differences(&times);
        let still = match told {
            None => now,
            Some(before) => before.into_iter().filter_map(|pair| shown_again(pair, &now)).collect(),
        };
        if still.is_empty() {
            return still;
        }
        told = Some(still);
    }
    told.unwrap_or_default()
}

fn shown_again(before: Told, now: &[Told]) -> Option<Told> {
    let again = now.iter().find(|pair| pair.kinds == before.kinds)?;
    Some(Told { t: before.t.min(again.t), ..before })
}

/// Nanoseconds that each piece of work took the processor: one row a round, one column a kind.
fn measured(kinds: usize, rounds: usize, seed: u64, timed: &mut impl FnMut(usize, usize) -> f64) -> Vec<Vec<f64>> {
    let mut order: Vec<usize> = (0..kinds).collect();
    let mut state = 0x9e37_79b9_7f4a_7c15 ^ (seed + 1);
    let mut round_of = |round| {
        for left in (1..kinds).rev() {
            state = xorshift(state);
            order.swap(left, (state % (left as u64 + 1)) as usize);
        }
        let mut times = vec![0.0; kinds];
        for kind in &order {
            times[*kind] = timed(*kind, round);
        }
        times
    };
    (0..rounds).map(&mut round_of).collect()
}

/// What this thread has had of the processor: who else runs does not count, but for what it does to the caches.
#[allow(clippy::cast_precision_loss)] // far below 2^53 ns
fn processor_ns() -> f64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    now.tv_sec as f64 * 1e9 + now.tv_nsec as f64
}

fn xorshift(mut state: u64) -> u64 {
    state ^= state << 13;
    state ^= state >> 7;
    state ^ (state << 17)
}

/// The pairs whose times differ: Student's t of the differences within each round, which took place in the same conditions.
fn differences(rounds: &[Vec<f64>]) -> Vec<Told> {
    let whole = |times: &Vec<f64>| times.iter().sum::<f64>();
    let mut quickest: Vec<&Vec<f64>> = rounds.iter().collect();
    quickest.sort_by(|a, b| whole(a).total_cmp(&whole(b)));
    quickest.truncate(rounds.len() * KEPT_PERCENT / 100);
    let kinds = rounds[0].len();
    let pairs = (0..kinds).flat_map(|a| (a + 1..kinds).map(move |b| (a, b)));
    let told = pairs.map(|(a, b)| Told { kinds: (a, b), t: t_of(quickest.iter().map(|times| times[a] - times[b])) });
    told.filter(|pair| pair.t > T_MAX).collect()
}

/// How many times its own standard error the mean is away from zero.
fn t_of(differences: impl Iterator<Item = f64>) -> f64 {
    let (mut count, mut mean, mut squares) = (0.0, 0.0, 0.0);
    for difference in differences {
        count += 1.0;
        let off = difference - mean;
        mean += off / count;
        squares += off * (difference - mean);
    }
    mean.abs() / (squares / (count - 1.0) / count).sqrt()
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;

    use super::*;

    /// Stops at the first byte that differs, as no comparison of secrets may.
    fn leaky(left: &[u8], right: &[u8]) -> bool {
        left.iter().zip(right).all(|(left, right)| black_box(left) == black_box(right))
    }

    #[test]
    fn a_comparison_that_stops_early_is_told_and_one_that_does_not_is_not() {
        let secret = [7_u8; 256];
        let (mut early, mut late) = (secret, secret);
        (early[0], late[255]) = (0, 0);
        let guesses = [early, late];
        let guess_of = |kind: usize, _| &guesses[kind][..];
        let leaks = told_apart(2, 5_000, guess_of, |_, guess| {
            black_box(leaky(&secret, guess));
        });
        assert_eq!(leaks.len(), 1, "{leaks:?}");
        let sum = |guess: &[u8]| secret.iter().zip(guess).fold(0, |sum, (left, right)| sum | (left ^ right));
        let even = told_apart(2, 5_000, guess_of, |_, guess| {
            black_box(sum(black_box(guess)));
        });
        assert!(even.is_empty(), "{even:?}");
    }
}
