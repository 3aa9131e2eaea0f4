//! What a second costs a watch beside the packets themselves, by how many devices it knows: `tick_cost [DEVICES]`, or
//! `make bench`.
//!
//! All devices are heard in each second. Prints milliseconds for what a store and pages are told (`build::tick`) while nothing
//! changes and while 100 devices do, and for the counts of `/metrics` (`build::states`).

#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use std::net::Ipv4Addr;
use std::time::Instant;

use spanwatch_engine::ledger::Ledger;
use spanwatch_engine::observation::{Cite, Observation, Party, Place};
use spanwatch_engine::report::build;
use spanwatch_engine::report::picture::Pictures;
use spanwatch_fingerprints::Fingerprints;
use spanwatch_parsers::{Activity, BindingBy, Fact, Mac, Span, Time};

fn main() {
    let devices = std::env::args().nth(1).and_then(|count| count.parse().ok()).unwrap_or(50_000_u32);
    let (mut ledger, mut pictures) = (Ledger::new(Fingerprints::builtin()), Pictures::default());
    for number in 0..devices {
        bind(&mut ledger, number, Time(1));
    }
    let mut costs = [const { Vec::new() }; 3];
    for second in 1..=SECONDS {
        let now = Time(second * 1_000_000_000);
        (0..devices).for_each(|number| hear(&mut ledger, number, now));
        let changes = if second % 2 == 0 { CHANGES } else { 0 };
        for number in 0..changes {
            let newcomer = devices + u32::try_from(second).unwrap_or(0) * CHANGES + number;
            bind(&mut ledger, newcomer, now);
        }
        ledger.complete(now);
        let begun = Instant::now();
        let (_, told) = build::tick(&mut ledger, now, &mut pictures, Some(usize::MAX));
        let cost = begun.elapsed();
        let begun = Instant::now();
        let states = build::states(&ledger, now);
        costs[2].push(begun.elapsed());
        assert!(states.values().sum::<u64>() >= u64::from(devices) && told.len() >= changes as usize);
        // The first tells of all.
        if second > 1 {
            costs[usize::from(changes > 0)].push(cost);
        }
    }
    println!("{devices} devices, median of {SECONDS} seconds:");
    for (what, all) in
        ["nothing changes", "100 devices are new", "devices by state"].into_iter().zip(&mut costs)
    {
        all.sort_unstable();
        println!("{what:>22}: {:.2} ms", all[all.len() / 2].as_secs_f64() * 1e3);
    }
}

fn bind(ledger: &mut Ledger, number: u32, at: Time) {
    let (mac, ip) = address(number);
    said(ledger, number, at, Fact::Binding { mac, ip: ip.into(), by: BindingBy::Claim });
}

fn hear(ledger: &mut Ledger, number: u32, at: Time) {
    let activity = Activity {
        flow: u64::from(number),
        protocol: None,
        first: at,
        first_frame: (0, 1),
        last: at,
        packets: 10,
        bytes: 5_000,
        longest_gap: Span::ZERO,
        stamp: None,
    };
    said(ledger, number, at, Fact::Activity(activity));
}

fn said(ledger: &mut Ledger, number: u32, at: Time, fact: Fact) {
    let (mac, ip) = address(number);
    ledger.observe(&Observation {
        place: Place { frame: 1, shard: 0, index: 0 },
        at,
        cite: Cite::new(0, 1),
        subject: Party { mac: Some(mac), ip: Some(ip.into()), ..Party::default() },
        peer: Party::default(),
        transport: None,
        source: "arp",
        fact,
    });
}

fn address(number: u32) -> (Mac, Ipv4Addr) {
    let [_, b, c, d] = number.to_be_bytes();
    (Mac([0x02, 0, 0, b, c, d]), Ipv4Addr::new(10, b, c, d))
}

const SECONDS: i64 = 20;
/// Devices that are new in every other second.
const CHANGES: u32 = 100;
