//! What is to go wrong: an order is one line of a file that the test writes, `FAULT FROM TIMES SEED`. Calls are counted from
//! the moment at which the order was read first; another text begins another count.

use std::ffi::c_int;

/// A call that changes what lies on the disk, or makes it durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    Create,
    Link,
    MakeFolder,
    Rename,
    Sync,
    Truncate,
    Unlink,
    Write,
}

impl Call {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Link => "link",
            Self::MakeFolder => "mkdir",
            Self::Rename => "rename",
            Self::Sync => "sync",
            Self::Truncate => "truncate",
            Self::Unlink => "unlink",
            Self::Write => "write",
        }
    }
}

/// What happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The power fails before it. What no sync made durable is gone: all of it, or with a seed some of it, in pieces of a
    /// sector.
    Cut { seed: Option<u64> },
    /// It fails with this error, and does nothing.
    Fail(c_int),
    /// The process is killed before it.
    Kill,
    /// The process is killed when it is done, before anyone hears of it.
    KillAfter,
    /// Half of it is done (of a write), then the process is killed.
    KillHalf,
    /// A sync says that it is done, and makes nothing durable.
    Lie,
    /// A sync fails, and what it was to make durable never will be, whatever a later one says. Other calls fail with EIO.
    Lose,
    /// A write that is half done, as it says itself.
    Short,
}

impl Fault {
    fn of_word(word: &str, seed: u64) -> Option<Self> {
        Some(match word {
            "cut" => Self::Cut { seed: None },
            "cut-some" => Self::Cut { seed: Some(seed) },
            "eio" => Self::Fail(libc::EIO),
            "enospc" => Self::Fail(libc::ENOSPC),
            "erofs" => Self::Fail(libc::EROFS),
            "kill" => Self::Kill,
            "kill-after" => Self::KillAfter,
            "kill-half" => Self::KillHalf,
            "lie" => Self::Lie,
            "lose" => Self::Lose,
            "short" => Self::Short,
            _ => return None,
        })
    }

    /// Whether such a call can meet this fault: a full disk hinders no sync, a disk that cannot be written no sync either.
    fn meets(self, call: Call) -> bool {
        match self {
            Self::Fail(libc::ENOSPC) => matches!(call, Call::Create | Call::Link | Call::MakeFolder | Call::Write),
            Self::Fail(libc::EROFS) => call != Call::Sync,
            Self::Lie => call == Call::Sync,
            Self::Short => call == Call::Write,
            _ => true,
        }
    }
}

/// Which calls meet which fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Order {
    fault: Fault,
    from: u64,
    times: u64,
}

impl Order {
    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_whitespace();
        let word = words.next()?;
        let mut number = || words.next()?.parse().ok();
        let (from, times, seed) = (number()?, number()?, number()?);
        Some(Self { fault: Fault::of_word(word, seed)?, from, times })
    }
}

/// The order in force, and how far the count is.
#[derive(Default)]
pub struct Count {
    text: String,
    order: Option<Order>,
    calls: u64,
}

impl Count {
    /// Counts a call under the order that the file holds now; gives its number and the fault that it meets.
    pub fn next(&mut self, text: &str, call: Call) -> (u64, Option<Fault>) {
        if text != self.text {
            (self.text, self.order, self.calls) = (text.to_owned(), Order::parse(text), 0);
        }
        self.calls += 1;
        let due = |order: Order| {
            let due = self.calls >= order.from && self.calls - order.from < order.times && order.fault.meets(call);
            due.then_some(order.fault)
        };
        (self.calls, self.order.and_then(due))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_calls_that_are_named_meet_the_fault_and_no_others() {
        let mut count = Count::default();
        let mut next = |text: &str, call| count.next(text, call);
        assert_eq!(next("", Call::Write), (1, None));
        assert_eq!(next("eio 2 1 0", Call::Write), (1, None), "another order is another count");
        assert_eq!(next("eio 2 1 0", Call::Sync), (2, Some(Fault::Fail(libc::EIO))));
        assert_eq!(next("eio 2 1 0", Call::Sync), (3, None));
        assert_eq!(next("enospc 1 9 0", Call::Sync), (1, None), "a full disk hinders no sync");
        assert_eq!(next("enospc 1 9 0", Call::Write), (2, Some(Fault::Fail(libc::ENOSPC))));
        assert_eq!(next("cut-some 1 1 7", Call::Rename), (1, Some(Fault::Cut { seed: Some(7) })));
        assert_eq!(next("nonsense 1 1 0", Call::Write), (1, None));
    }
}
