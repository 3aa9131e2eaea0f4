//! Switches themselves: LLDP, the spanning tree's messages, traps (IEEE 802.1AB, 802.1D-2004, RFC 3418).

use std::rc::Rc;

use super::link::Parcel;
use super::{Event, Message, Timer, World};
use crate::fabric::{Plug, SwitchId};
use crate::frame::{Body, Frame};
use crate::options::{MILLISECOND, SECOND};
use crate::random::Random;
use crate::sight::{Neighbor, Says, Trap};
use crate::site::Site;
use crate::tap::Passing;
use crate::wire::lldp::{BRIDGE, Lldp};
use crate::wire::snmp;
use crate::wire::stp::{self, Bpdu, DESIGNATED, FORWARDING, LEARNING, ROOT, TOPOLOGY_CHANGE};
use crate::wire::{Mac, ethernet};

/// A switch at work.
#[derive(Debug)]
pub(super) struct Bridge {
    pub is_up: bool,
    pub epoch: u32,
    pub booted: i64,
    /// Until when its messages say that the topology changes.
    changes_until: i64,
    /// And that towards the root too.
    rises_until: i64,
    /// Ports with cables to other switches.
    trunks: Vec<u16>,
    random: Random,
}

/// What a switch does by the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    Lldp,
    Hello,
}

impl Bridge {
    pub fn new(id: SwitchId, site: &Site, seed: u64) -> Self {
        let trunks = site.trunks.iter().filter_map(|trunk| trunk.end(id)).map(|plug| plug.port).collect();
        Self {
            is_up: true,
            epoch: 0,
            booted: 0,
            changes_until: 0,
            rises_until: 0,
            trunks,
            random: Random::of(seed, "bridge", id as u64),
        }
    }
}

impl World<'_> {
    pub(super) fn bridge(&mut self, at: i64, switch: SwitchId, epoch: u32, turn: Turn) {
        let bridge = &self.bridges[switch];
        if bridge.epoch != epoch || !bridge.is_up {
            return;
        }
        match turn {
            Turn::Lldp => {
                self.say_lldp(at, switch, LLDP_TTL);
                let sway = self.bridges[switch].random.between(0, SECOND / 2);
                self.agenda.at(at + LLDP_EVERY + sway, Event::Bridge(switch, epoch, Turn::Lldp));
            }
            Turn::Hello => {
                self.say_hello_of(at, switch);
                self.agenda.at(at + HELLO, Event::Bridge(switch, epoch, Turn::Hello));
            }
        }
    }

    fn say_lldp(&mut self, at: i64, switch: SwitchId, ttl_s: u16) {
        for port in self.bridges[switch].trunks.clone() {
            let plan = &self.site.switches[switch];
            let own = self.hosts[plan.host].ip;
            let lldp = Lldp {
                chassis: plan.mac,
                port: format!("ge{port}"),
                port_description: Some(format!("port {port}")),
                ttl_s,
                name: plan.name.clone(),
                description: format!("{} Switch, revision {}", plan.product.model, plan.product.firmware),
                capabilities: (BRIDGE, BRIDGE),
                management: Some((own.into(), 1)),
                vlan: None,
                power: None,
                link: None,
                med: None,
            };
            let says = [Says::Neighbor(Box::new(Neighbor {
                chassis: plan.mac,
                port: format!("ge{port}"),
                name: plan.name.clone(),
                management: Some(own.into()),
                ttl_s,
            }))];
            let frame = Frame {
                destination: NEAREST_BRIDGE,
                source: port_mac(plan.mac, port),
                body: Body::Typed(ethernet::LLDP, Rc::from(lldp.payload())),
            };
            self.speak(at, switch, port, &frame, &says);
        }
    }

    /// BPDUs: the root's hellos go out of all designated ports, and on from switch to switch (802.1D-2004, 17).
    fn say_hello_of(&mut self, at: i64, switch: SwitchId) {
        if self.fabric.uplink(switch).is_none() && switch != 0 {
            return;
        }
        // The tree is the same whoever is its root: a better bridge id is heard wherever there is a way.
        let way = self.fabric.way(switch, self.root).filter(|_| self.bridges[self.root].is_up);
        let root = if way.is_some() { self.root } else { 0 };
        let way = way.or_else(|| self.fabric.way(switch, 0)).unwrap_or_default();
        let root_port = way.first().and_then(|id| self.fabric.trunks[*id].end(switch));
        let depth = way.len() as u8;
        let is_changing = at < self.bridges[switch].changes_until;
        for port in self.bridges[switch].trunks.clone() {
            let is_root_port = root_port.is_some_and(|plug| plug.port == port);
            // A root port answers only while it has something to say: that the topology changes behind it.
            if is_root_port && at >= self.bridges[switch].rises_until {
                continue;
            }
            let plan = &self.site.switches[switch];
            let priority =
                |id: SwitchId| if id == root && root != 0 { 0 } else { self.site.switches[id].priority };
            let role = if is_root_port { ROOT } else { DESIGNATED };
            let bpdu = Bpdu {
                root: stp::Bridge(priority(root), self.site.switches[root].mac),
                root_cost: u32::from(depth) * COST,
                bridge: stp::Bridge(priority(switch), plan.mac),
                port: 0x8000 | port,
                message_age_s: depth,
                max_age_s: 20,
                hello_s: 2,
                forward_delay_s: 15,
                flags: role | LEARNING | FORWARDING | if is_changing { TOPOLOGY_CHANGE } else { 0 },
            };
            let frame = Frame {
                destination: BRIDGES,
                source: port_mac(plan.mac, port),
                body: Body::Llc(Rc::from(stp::rapid(&bpdu))),
            };
            self.speak(at, switch, port, &frame, &[Says::Tree(Box::new(bpdu))]);
        }
    }

    /// A switch's own frame on one of its ports.
    fn speak(&mut self, at: i64, switch: SwitchId, port: u16, frame: &Frame, says: &[Says]) {
        let host = self.site.switches[switch].host;
        let journey = self.fabric.send_on_port(Plug { switch, port });
        self.tap.copy(Passing { host, at, vlan: 0 }, &journey.copies, frame, says);
    }

    /// Says on all cables that the topology changed, for a hello and a second (802.1D-2004, 17.21.7); towards the root only
    /// whose way leads over them, for nobody sends it back where it came from (17.21.18).
    pub(super) fn say_change(&mut self, at: i64, switch: SwitchId) {
        let way =
            self.fabric.way(switch, self.root).or_else(|| self.fabric.way(switch, 0)).unwrap_or_default();
        for id in 0..self.bridges.len() {
            if self.bridges[id].is_up
                && self.fabric.reaches(self.site.switches[switch].host, self.site.switches[id].host)
            {
                let until = at + HELLO + SECOND;
                self.bridges[id].changes_until = until;
                if id == switch || way.iter().any(|trunk| self.fabric.trunks[*trunk].end(id).is_some()) {
                    self.bridges[id].rises_until = until;
                }
                self.say_hello_of(at + 10 * MILLISECOND * id as i64, id);
            }
        }
    }

    /// The spanning tree is built anew.
    pub(super) fn converge(&mut self, at: i64) {
        self.settle_all(at);
        for switch in self.fabric.converge() {
            if self.bridges[switch].is_up && self.fabric.uplink(switch).is_some() {
                self.say_change(at, switch);
            }
        }
    }

    /// A switch tells the access server what happened to a port, if the way there is whole.
    pub(super) fn trap_link(&mut self, at: i64, plug: Plug, is_up: bool) {
        let trap = Trap::Link(plug.port, is_up);
        self.trap(at, plug.switch, trap, |sender| snmp::link(sender, is_up, u32::from(plug.port)));
    }

    /// A switch says that it started.
    pub(super) fn trap_cold_start(&mut self, at: i64, switch: SwitchId) {
        self.trap(at, switch, Trap::ColdStart, snmp::cold_start);
    }

    fn trap(&mut self, at: i64, switch: SwitchId, trap: Trap, make: impl Fn(&snmp::Sender) -> Vec<u8>) {
        let Some(server) = self.access_server else { return };
        let host = self.site.switches[switch].host;
        let uptime_cs = ((at - self.bridges[switch].booted) / (10 * MILLISECOND)) as u32;
        let request_id = i32::from(self.hosts[host].port());
        let bytes = make(&snmp::Sender { community: "public", request_id, uptime_cs });
        let port = self.hosts[host].port();
        let transport = Self::datagram((port, 162), bytes);
        let to = self.hosts[server].ip;
        let says = vec![Says::Trap(trap)];
        self.send(at, Parcel { from: host, to, transport, says, message: Message::Nothing });
    }

    /// A switch starts again, and its own address with it.
    pub(super) fn start_switch(&mut self, at: i64, switch: SwitchId) {
        let bridge = &mut self.bridges[switch];
        bridge.is_up = true;
        bridge.epoch += 1;
        bridge.booted = at;
        let epoch = bridge.epoch;
        self.fabric.forwards[switch] = true;
        self.agenda.at(at + SECOND, Event::Bridge(switch, epoch, Turn::Lldp));
        self.agenda.at(at + 200 * MILLISECOND, Event::Bridge(switch, epoch, Turn::Hello));
        let host = self.site.switches[switch].host;
        self.boot(at, host);
        self.after(at + 3 * SECOND, host, Timer::Announce(0));
    }
}

/// The MAC of a port: the bridge's, counted on.
fn port_mac(bridge: Mac, port: u16) -> Mac {
    let [a, b, c, d, e, f] = bridge.0;
    Mac([a, b, c, d, e, f.wrapping_add(port as u8)])
}

/// The nearest bridge (IEEE 802.1AB-2016, table 7-1).
const NEAREST_BRIDGE: Mac = Mac([0x01, 0x80, 0xc2, 0, 0, 0x0e]);
/// All bridges (IEEE 802.1D-2004, table 7-10).
const BRIDGES: Mac = Mac([0x01, 0x80, 0xc2, 0, 0, 0]);
const LLDP_EVERY: i64 = 30 * SECOND;
const LLDP_TTL: u16 = 120;
const HELLO: i64 = 2 * SECOND;
/// Path cost of 1 Gbit/s (IEEE 802.1D-2004, table 17-3).
const COST: u32 = 20_000;
