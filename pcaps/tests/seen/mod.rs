//! Runs an order and keeps of each frame what the tests ask for.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use spanwatch_simulator::incident::Plan;
use spanwatch_simulator::options::{Options, SECOND};
use spanwatch_simulator::run;
use spanwatch_simulator::tap::{Out, Sink};
use spanwatch_simulator::truth::{Event, Truth};

use super::ordered::order;

/// A MAC.
pub type Mac = [u8; 6];

/// The frames of a capture.
#[derive(Debug, Default)]
pub struct Seen {
    /// Time, source, and the first bytes.
    pub frames: Vec<(i64, Mac, Vec<u8>)>,
    /// A digest of all bytes and times (FNV-1a).
    pub digest: u64,
}

impl Sink for Seen {
    fn frame(&mut self, at: i64, bytes: &[u8], wire_length: u32) -> io::Result<()> {
        for byte in at.to_le_bytes().iter().chain(&wire_length.to_le_bytes()).chain(bytes) {
            self.digest = (self.digest ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
        let source = bytes[6..12].try_into().unwrap();
        self.frames.push((at, source, bytes[..bytes.len().min(300)].to_vec()));
        Ok(())
    }
}

/// Runs a small site in which this happens.
pub fn run(incident: &str) -> (Plan, Seen, Truth) {
    run_with(order(incident))
}

/// Runs an order.
pub fn run_with(options: Options) -> (Plan, Seen, Truth) {
    let plan = run::plan(&options).unwrap();
    let mut seen = Seen::default();
    let truth = run::run(&plan, Out::Packets(&mut seen), |_| ()).unwrap();
    (plan, seen, truth)
}

/// The MAC of a device by name.
pub fn mac(plan: &Plan, name: &str) -> Mac {
    plan.site.hosts[plan.site.host(name).unwrap()].mac.0
}

/// The causes that become visible, in their order.
pub fn causes(event: &Event) -> Vec<&str> {
    event.visible.iter().map(|visible| visible.cause.as_str()).collect()
}

/// A time of the truth, as nanoseconds of 2026-01-05, on which the tests' captures lie.
pub fn nanos(time: &str) -> i64 {
    let number = |from: usize, to: usize| time[from..to].parse::<i64>().unwrap();
    assert!(time.starts_with("2026-01-05T"), "{time}");
    1_767_571_200 * SECOND
        + (number(11, 13) * 3_600 + number(14, 16) * 60 + number(17, 19)) * SECOND
        + number(20, 29)
}

/// A time of the truth so many seconds later, on the same day.
pub fn later(time: &str, seconds: u64) -> String {
    let all = (nanos(time) / SECOND - 1_767_571_200) as u64 + seconds;
    format!("2026-01-05T{:02}:{:02}:{:02}{}", all / 3_600, all / 60 % 60, all % 60, &time[19..])
}

impl Seen {
    fn within(&self, (from, to): (i64, i64)) -> impl Iterator<Item = &(i64, Mac, Vec<u8>)> {
        self.frames.iter().filter(move |(at, ..)| (from..to).contains(at))
    }

    /// When a device sent.
    pub fn of(&self, mac: Mac) -> Vec<i64> {
        self.frames.iter().filter(|(_, source, _)| *source == mac).map(|(at, ..)| *at).collect()
    }

    /// Who sends at some time, and not within a window.
    pub fn silent(&self, window: (i64, i64)) -> BTreeSet<String> {
        let text = |mac: &Mac| mac.map(|byte| format!("{byte:02x}")).join(":");
        let all: BTreeSet<String> = self.frames.iter().map(|(_, source, _)| text(source)).collect();
        let heard: BTreeSet<String> = self.within(window).map(|(_, source, _)| text(source)).collect();
        all.difference(&heard).cloned().collect()
    }

    /// Frames to everybody.
    pub fn broadcasts(&self, window: (i64, i64)) -> usize {
        self.within(window).filter(|(.., bytes)| bytes[..6] == [0xff; 6]).count()
    }

    /// How often the most frequent frame comes by.
    pub fn most_alike(&self, window: (i64, i64)) -> usize {
        let mut counts: BTreeMap<&[u8], usize> = BTreeMap::new();
        for (.., bytes) in self.within(window).filter(|(.., bytes)| bytes[..6] == [0xff; 6]) {
            *counts.entry(bytes).or_default() += 1;
        }
        counts.into_values().max().unwrap_or_default()
    }

    fn bpdus(&self, window: (i64, i64)) -> impl Iterator<Item = &[u8]> {
        self.within(window).map(|(.., bytes)| &bytes[..]).filter(|bytes| bytes[14..17] == [0x42, 0x42, 0x03])
    }

    /// BPDUs that say that the topology changes.
    pub fn topology_changes(&self, window: (i64, i64)) -> usize {
        self.bpdus(window).filter(|bytes| bytes[21] & 1 == 1).count()
    }

    /// Root bridges.
    pub fn roots(&self, window: (i64, i64)) -> BTreeSet<Vec<u8>> {
        self.bpdus(window).map(|bytes| bytes[22..30].to_vec()).collect()
    }

    /// Who says in ARP that it has an address.
    pub fn owners_of(&self, ip: [u8; 4]) -> BTreeSet<Mac> {
        let arp = self.frames.iter().filter(|(.., bytes)| bytes[12..14] == [8, 6] && bytes[28..32] == ip);
        arp.map(|(.., bytes)| bytes[22..28].try_into().unwrap()).collect()
    }

    /// DHCP messages of a type: untagged, IPv4, the type in the first option.
    fn dhcp(&self, window: (i64, i64), kind: u8) -> impl Iterator<Item = &(i64, Mac, Vec<u8>)> {
        self.within(window).filter(move |(.., bytes)| {
            bytes[12..14] == [8, 0] && bytes[23] == 17 && bytes.get(282..285) == Some(&[53, 1, kind])
        })
    }

    /// Who announces himself as a router, and for how many seconds: untagged, without extension headers.
    pub fn routers(&self, window: (i64, i64)) -> Vec<(Mac, u16)> {
        let frames = self.within(window).filter(|(.., bytes)| {
            bytes[12..14] == [0x86, 0xdd] && bytes[20] == 58 && bytes.get(54) == Some(&134)
        });
        frames.map(|(_, source, bytes)| (*source, u16::from_be_bytes([bytes[60], bytes[61]]))).collect()
    }

    /// How often the time was asked for, how often it was told, and how often was said that there is none: untagged, IPv4.
    pub fn time(&self, window: (i64, i64)) -> [usize; 3] {
        let is_of = |bytes: &[u8], port: usize| {
            bytes[12..14] == [8, 0] && bytes[23] == 17 && bytes[port..port + 2] == [0, 123]
        };
        let count =
            |is_it: &dyn Fn(&[u8]) -> bool| self.within(window).filter(|(.., bytes)| is_it(bytes)).count();
        [
            count(&|bytes| is_of(bytes, 36)),
            count(&|bytes| is_of(bytes, 34) && bytes[43] == 2),
            count(&|bytes| is_of(bytes, 34) && bytes[43] == 0),
        ]
    }

    /// Who offers leases.
    pub fn leases_by(&self, window: (i64, i64)) -> BTreeSet<Mac> {
        self.dhcp(window, 2).map(|(_, source, _)| *source).collect()
    }

    /// How often somebody asks for one.
    pub fn discovers(&self, window: (i64, i64)) -> usize {
        self.dhcp(window, 1).count()
    }

    /// The VLANs in whose tags a device speaks.
    pub fn vlans(&self, mac: Mac, window: (i64, i64)) -> Vec<u16> {
        let tags =
            self.within(window).filter(|(_, source, bytes)| *source == mac && bytes[12..14] == [0x81, 0]);
        let all: BTreeSet<u16> =
            tags.map(|(.., bytes)| u16::from_be_bytes([bytes[14] & 0x0f, bytes[15]])).collect();
        all.into_iter().collect()
    }
}
