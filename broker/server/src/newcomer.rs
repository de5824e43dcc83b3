//! Connections whose client is not known yet: so many at once, and when one more comes, the address that has most of them
//! gives its oldest up.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// How many bits of an IPv6 address are one client's network, which gives itself as many addresses as it likes (RFC 4291
/// section 2.5.1).
const NETWORK_BITS: u32 = 64;

/// Those who are within a handshake. A flood of connections that do not finish theirs displaces itself: one from few addresses
/// never touches another address; one from many touches only who is not through within the time in which so many others come.
pub struct Newcomers {
    most: usize,
    hall: Mutex<Hall>,
}

#[derive(Default)]
struct Hall {
    next: u64,
    count: usize,
    /// By network, in the order in which they came. Whose sender is dropped must go.
    waiting: HashMap<IpAddr, BTreeMap<u64, oneshot::Sender<()>>>,
}

/// One place in the hall, given back when this is dropped.
pub struct Newcomer {
    newcomers: Arc<Newcomers>,
    network: IpAddr,
    number: u64,
    displaced: oneshot::Receiver<()>,
}

impl Newcomers {
    #[must_use]
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most: most.max(1), hall: Mutex::default() })
    }

    /// A place for one more, which another may have to give up.
    pub fn enter(self: &Arc<Self>, address: IpAddr) -> Newcomer {
        let (keep, displaced) = oneshot::channel();
        let network = network_of(address);
        let mut hall = self.hall();
        let number = hall.next;
        hall.next += 1;
        hall.count += 1;
        hall.waiting.entry(network).or_default().insert(number, keep);
        // Counted with the rest: the second of one network displaces the first before it displaces others.
        if hall.count > self.most {
            hall.displace();
        }
        Newcomer { newcomers: Arc::clone(self), network, number, displaced }
    }

    fn hall(&self) -> MutexGuard<'_, Hall> {
        self.hall.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hall {
    /// The oldest of the network with most goes; of several such networks, the one whose oldest is the oldest.
    fn displace(&mut self) {
        let crowd = |(network, waiting): (&IpAddr, &BTreeMap<u64, _>)| {
            let (oldest, _) = waiting.first_key_value()?;
            Some((waiting.len(), std::cmp::Reverse(*oldest), *network))
        };
        if let Some((_, std::cmp::Reverse(oldest), network)) = self.waiting.iter().filter_map(crowd).max() {
            self.leave(network, oldest);
        }
    }

    /// Nothing happens when it has left already.
    fn leave(&mut self, network: IpAddr, number: u64) {
        let Some(waiting) = self.waiting.get_mut(&network) else { return };
        self.count -= usize::from(waiting.remove(&number).is_some());
        if waiting.is_empty() {
            self.waiting.remove(&network);
        }
    }
}

impl Newcomer {
    /// Ends when the place is needed for another.
    pub async fn displaced(&mut self) {
        // Nothing is ever sent: the sender is dropped.
        let _dropped = (&mut self.displaced).await;
    }
}

impl Drop for Newcomer {
    fn drop(&mut self) {
        self.newcomers.hall().leave(self.network, self.number);
    }
}

fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let mask = u128::MAX << (Ipv6Addr::BITS - NETWORK_BITS);
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & mask))
        }
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(newcomers: &Arc<Newcomers>, address: &str) -> Newcomer {
        newcomers.enter(address.parse().unwrap())
    }

    fn stays(newcomer: &mut Newcomer) -> bool {
        newcomer.displaced.try_recv() == Err(oneshot::error::TryRecvError::Empty)
    }

    #[tokio::test]
    async fn who_has_waited_longest_makes_room_and_nobody_else() {
        let newcomers = Newcomers::new(2);
        let mut first = from(&newcomers, "192.0.2.1");
        let mut second = from(&newcomers, "192.0.2.2");
        assert!(stays(&mut first));
        let third = from(&newcomers, "192.0.2.3");
        first.displaced().await;
        assert!(stays(&mut second));
        // A place that was given back displaces nobody.
        drop((first, third));
        let _fourth = from(&newcomers, "192.0.2.4");
        assert!(stays(&mut second));
        let _fifth = from(&newcomers, "192.0.2.5");
        second.displaced().await;
        drop(second);
        let hall = newcomers.hall();
        assert_eq!((hall.count, hall.waiting.len()), (2, 2));
    }

    #[test]
    fn a_network_that_floods_displaces_itself_alone() {
        let newcomers = Newcomers::new(3);
        let (mut honest, mut other) = (from(&newcomers, "192.0.2.1"), from(&newcomers, "2001:db8::1"));
        let flood = (0..100).map(|host| from(&newcomers, &format!("2001:db8:0:1::{host:x}")));
        let mut flood: Vec<Newcomer> = flood.collect();
        assert!(stays(&mut honest) && stays(&mut other));
        let staying = flood.iter_mut().filter_map(|newcomer| stays(newcomer).then_some(newcomer.number));
        assert_eq!(staying.collect::<Vec<_>>(), [101]);
        // The same network, written in another way.
        let mut mapped = from(&newcomers, "::ffff:192.0.2.1");
        assert!(!stays(&mut honest) && stays(&mut mapped) && stays(&mut other));
    }
}
