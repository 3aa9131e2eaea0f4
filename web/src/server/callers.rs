//! Who holds a connection: so many in all, so many of one place, and who is logged in is never let go for who is not.
//!
//! ```text
//! comes ─► has its place enough? ─► of its own that nobody logged in by, the oldest is closed; where there is none, who comes is
//!       ─► all taken? ─► the same, of the place that has most
//! ```
//!
//! So whoever holds connections without a login, from as many addresses as he likes, holds them against nobody, be it somebody of
//! his own place.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::AbortHandle;

/// All connections.
#[derive(Debug)]
pub struct Callers {
    held: Mutex<Held>,
    /// In all.
    max: usize,
    /// Of one place.
    of_place_max: usize,
}

#[derive(Debug, Default)]
struct Held {
    /// By their numbers, the oldest first.
    calls: BTreeMap<u64, Call>,
    next: u64,
}

#[derive(Debug)]
struct Call {
    place: IpAddr,
    known: Known,
    /// `None` until it is being answered.
    task: Option<AbortHandle>,
}

/// Whether somebody who is logged in came by a connection.
#[derive(Debug, Clone, Default)]
pub struct Known(Arc<AtomicBool>);

impl Known {
    /// Somebody did.
    pub fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// One connection; it is not held any more when this is dropped.
#[derive(Debug)]
pub struct Caller {
    of: Arc<Callers>,
    number: u64,
    /// To be told when somebody is logged in.
    pub known: Known,
}

impl Callers {
    /// For so many in all, and of one place.
    pub fn new(max: usize, of_place_max: usize) -> Arc<Self> {
        Arc::new(Self { held: Mutex::default(), max, of_place_max })
    }

    /// Takes a connection; `None` where there is no room for it.
    pub fn came(self: &Arc<Self>, ip: IpAddr) -> Option<Caller> {
        let (place, known) = (place(ip), Known::default());
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let is_full = held.of(place) >= self.of_place_max;
        if is_full || held.calls.len() >= self.max {
            let number = held.dispensable(is_full.then_some(place))?;
            if let Some(task) = held.calls.remove(&number).and_then(|it| it.task) {
                task.abort();
            }
        }
        let number = held.next;
        held.next = held.next.saturating_add(1);
        held.calls.insert(number, Call { place, known: known.clone(), task: None });
        Some(Caller { of: Arc::clone(self), number, known })
    }

    /// Says what answers a connection, so that it can be ended.
    pub fn answers(&self, number: u64, task: AbortHandle) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        match held.calls.get_mut(&number) {
            Some(call) => call.task = Some(task),
            // It is over, or had to make room meanwhile.
            None => task.abort(),
        }
    }
}

impl Caller {
    /// Its number.
    pub const fn number(&self) -> u64 {
        self.number
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        self.of.held.lock().unwrap_or_else(PoisonError::into_inner).calls.remove(&self.number);
    }
}

impl Held {
    fn of(&self, place: IpAddr) -> usize {
        self.calls.values().filter(|it| it.place == place).count()
    }

    /// Which is let go first, of one place or of all.
    fn dispensable(&self, of: Option<IpAddr>) -> Option<u64> {
        let mut counts: BTreeMap<IpAddr, usize> = BTreeMap::new();
        for call in self.calls.values() {
            *counts.entry(call.place).or_default() += 1;
        }
        let is_meant = |call: &Call| !call.known.is_set() && of.is_none_or(|place| call.place == place);
        let unknown = self.calls.iter().filter(|(_, call)| is_meant(call));
        let count = |call: &Call| counts.get(&call.place).copied().unwrap_or_default();
        unknown.max_by_key(|(number, call)| (count(call), u64::MAX - **number)).map(|(number, _)| *number)
    }
}

/// Who is counted as one: an address, of IPv6 its network of 64 bits, which one machine has to itself (RFC 4291, 2.5.4).
pub fn place(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64)),
        ip => ip,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn one_place_has_so_many_connections_at_most() {
        for (own, same, other) in [
            ("192.0.2.1", "::ffff:192.0.2.1", "192.0.2.2"),
            ("2001:db8::1", "2001:db8:0:0:ffff::2", "2001:db8:0:1::1"),
        ] {
            let callers = Callers::new(9, 3);
            let mut held: Vec<_> = (0..3).map(|_| callers.came(ip(own)).unwrap()).collect();
            held.iter().for_each(|caller| caller.known.set());
            assert!(callers.came(ip(same)).is_none(), "{same}");
            assert!(callers.came(ip(other)).is_some(), "{other}");
            held.pop();
            assert!(callers.came(ip(same)).is_some(), "{same}");
            held.clear();
            assert!(callers.held.lock().unwrap().calls.is_empty());
        }
    }

    #[test]
    fn nobody_without_a_login_keeps_others_of_his_place_out() {
        let callers = Callers::new(9, 3);
        let elsewhere = callers.came(ip("192.0.2.2")).unwrap();
        let known = callers.came(ip("192.0.2.1")).unwrap();
        known.known.set();
        let idle: Vec<_> = (0..2).map(|_| callers.came(ip("192.0.2.1")).unwrap()).collect();
        let next = callers.came(ip("192.0.2.1")).unwrap();
        assert_eq!(numbers(&callers), [0, 1, 3, 4], "the oldest of his place makes room");
        for caller in idle.iter().chain([&next]) {
            caller.known.set();
        }
        assert!(callers.came(ip("192.0.2.1")).is_none(), "all of his place are logged in");
        assert!(!elsewhere.known.is_set() && callers.came(ip("192.0.2.3")).is_some());
    }

    fn numbers(callers: &Callers) -> Vec<u64> {
        callers.held.lock().unwrap().calls.keys().copied().collect()
    }

    #[test]
    fn who_is_not_logged_in_makes_room_and_who_is_stays() {
        let callers = Callers::new(4, 3);
        let known = callers.came(ip("192.0.2.1")).unwrap();
        known.known.set();
        let many: Vec<_> = (0..3).map(|_| callers.came(ip("192.0.2.2")).unwrap()).collect();
        let next = callers.came(ip("192.0.2.3")).unwrap();
        assert_eq!(numbers(&callers), [0, 2, 3, 4], "the oldest of who has most");
        for caller in many.iter().chain([&next]) {
            caller.known.set();
        }
        assert!(callers.came(ip("192.0.2.4")).is_none(), "all are logged in");
    }
}
