//! The ends of tunnels: [`Tunnels`].
//!
//! A mirror's transport, or an overlay's, is opened by the reader, and what is in
//! it is what the shard sees. Who sends and who receives the tunnel itself is said
//! apart ([`Fact::Tunnel`]), once a second for each pair of ends: whether they are
//! devices, or a mirror and its sink, is for the ledger to judge, who sees all shards.

use std::collections::BTreeMap;
use std::net::IpAddr;

use spanwatch_parsers::{About, Fact, Time};

use crate::flow::{Counted, Sum, device_mac};
use crate::observation::{Cite, Party};
use crate::peel::{Encapsulation, Outer};
use crate::scribe::{Scribe, Talk};

/// Tunnels that brought frames.
#[derive(Debug, Default)]
pub struct Tunnels {
    tunnels: BTreeMap<Ends, Tunnel>,
    refused: u64,
}

type Ends = (IpAddr, IpAddr, Encapsulation);

#[derive(Debug)]
struct Tunnel {
    number: u64,
    talk: Talk,
    last: Option<Time>,
    cite: Cite,
    sum: Sum,
}

impl Tunnels {
    /// The most tunnels that are counted; mirrors and overlays are few.
    pub const CAPACITY: usize = 256;

    /// Frames of tunnels that were not counted, since it was made.
    #[must_use]
    pub const fn refused(&self) -> u64 {
        self.refused
    }

    /// Counts frame `number`, which a tunnel brought.
    pub fn count(&mut self, outer: &Outer, number: u64, frame: Counted) {
        let ends = (outer.ips.0, outer.ips.1, outer.by);
        if self.tunnels.len() >= Self::CAPACITY && !self.tunnels.contains_key(&ends) {
            self.refused = self.refused.saturating_add(1);
            return;
        }
        let tunnel = self.tunnels.entry(ends).or_insert_with(|| Tunnel {
            number,
            talk: talk(outer),
            last: None,
            cite: frame.cite,
            sum: Sum::default(),
        });
        tunnel.sum.add(tunnel.last, &frame);
        tunnel.last = tunnel.last.max(Some(frame.at));
        tunnel.cite = frame.cite;
    }

    /// Writes what each tunnel brought since the last tick.
    pub fn sum(&mut self, scribe: &mut Scribe<'_>) {
        for ((_, _, by), tunnel) in &mut self.tunnels {
            let sum = std::mem::take(&mut tunnel.sum);
            if sum.packets > 0 {
                let activity = sum.activity(tunnel.number, Some(by.name()));
                let fact = Fact::Tunnel { by: by.name(), activity };
                scribe.write_at(tunnel.cite, &tunnel.talk, About::Sender, fact);
            }
        }
    }
}

fn talk(outer: &Outer) -> Talk {
    let end = |mac, ip, hop_limit| Party {
        mac: device_mac(mac),
        ip: Some(ip),
        vlan: outer.vlan,
        hop_limit,
        port: 0,
    };
    Talk {
        sender: end(outer.source_mac, outer.ips.0, outer.hop_limit),
        receiver: end(outer.destination_mac, outer.ips.1, 0),
        transport: Some(outer.protocol),
        source: "tunnel",
    }
}
