//! What incidents are made of: one thing that changes at one moment.

use std::net::Ipv4Addr;

use super::link::Parcel;
use super::tcp::Side;
use super::{Event, Message, Timer, World};
use crate::fabric::{HostId, SwitchId, TrunkId};
use crate::options::{MILLISECOND, SECOND};
use crate::site::Role;

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A host loses its power: its cable goes dead first, and nothing is said.
    PowerOff(HostId),
    /// A host has power again and begins to boot; it is ready after so many nanoseconds.
    PowerOn(HostId, i64),
    /// A host shuts down in order: it says goodbye, closes what is open, and its cable stays alive.
    ShutDown(HostId),
    /// The processes of a host die, the machine runs on: connections are reset, new ones refused.
    Crash(HostId),
    /// The processes of a host run again.
    Recover(HostId),
    /// A host hangs: its cable stays alive, it says nothing.
    Hang(HostId),
    /// A host's cable is cut, or put back.
    Cable(HostId, bool),
    /// A host's port carries nothing though its link is up, as while a spanning tree listens; or carries again.
    Listens(HostId, bool),
    /// Frames lost on a host's cable, in a million.
    CableLoss(HostId, u32),
    /// A cable between switches is cut, or put back.
    Trunk(TrunkId, bool),
    /// Frames lost on a cable between switches, in a million.
    TrunkLoss(TrunkId, u32),
    /// A switch loses its power, and with it whatever it feeds.
    SwitchOff(SwitchId),
    /// A switch has power again: it forwards after its boot, and what it feeds boots then.
    SwitchOn(SwitchId),
    /// A switch hangs: its cables stay alive, it forwards nothing.
    SwitchHang(SwitchId),
    /// A switch that hung forwards again; what is plugged in never noticed.
    SwitchWake(SwitchId),
    /// A camera's pictures stop, or go on, while its session lives.
    Stall(HostId, bool),
    /// The topology changes, for whatever reason.
    Topology(SwitchId),
    /// A switch claims to be the root, or ceases to.
    ClaimRoot(SwitchId, bool),
    /// A host takes another host's address.
    TakeAddress(HostId, Ipv4Addr),
    /// A host lands in another VLAN.
    Vlan(HostId, u16),
    /// The DHCP server of a VLAN answers nobody, or again.
    DhcpDead(u16, bool),
    /// The DHCP server of a VLAN has nothing left, or again.
    DhcpExhausted(u16, bool),
    /// A host answers DHCP beside the server, or ceases to.
    RogueDhcp(HostId, bool),
    /// A host's lease runs out and goes to somebody else: it asks for an address anew.
    AskAddress(HostId),
    /// A host renews its lease before it has to.
    RenewLease(HostId),
    /// The gateway tells the time, or not.
    Time(Clock),
    /// A host asks for the time, out of its turn.
    AskTime(HostId),
    /// A host announces itself as an IPv6 router for so many seconds; 0 is its goodbye.
    Advertise(HostId, u16),
    /// Frames circle: so many copies of each broadcast, until it ends with 0.
    Loop(u8),
    /// A host sends so many broadcasts in the next second.
    Storm(HostId, u32),
    /// A host sends another so many full datagrams in the next nine tenths of a second.
    Bulk(HostId, HostId, u32),
    /// The mirror copies nothing, or again.
    MirrorLost(bool),
    /// The mirror's source list lacks these ports of a switch.
    MirrorMissing(SwitchId, Vec<u16>),
    /// The mirror copies what enters the ports of a switch, and what leaves them, or only one of these.
    MirrorWays(SwitchId, bool, bool),
    /// The mirror loses copies, in a million.
    MirrorLoss(u32),
    /// The mirror makes so many copies more of each frame.
    MirrorCopies(u8),
    /// The capturing machine's clock steps by so many nanoseconds.
    ClockStep(i64),
    /// A recorder restarts its program: all sessions end in order and begin again.
    Reconnect(HostId),
    /// A camera is recorded no more, as if somebody had struck it off the recorder's list, or again.
    Record(HostId, bool),
    /// A viewer looks at a camera, or looks away.
    Look(HostId, HostId, bool),
}

/// What a time server tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// The time.
    Set,
    /// That its own clock is not set.
    Unset,
    /// Nothing.
    Mute,
}

impl World<'_> {
    /// Lets a change happen.
    pub(super) fn change(&mut self, at: i64, change: &Change) {
        self.settle_all(at);
        match *change {
            Change::PowerOff(host) => self.power_off(at, host),
            Change::PowerOn(host, boot) => {
                if !std::mem::replace(&mut self.fabric.access[host].is_up, true) {
                    let plug = self.fabric.access[host].plug;
                    self.trap_link(at + 20 * MILLISECOND, plug, true);
                }
                let epoch = self.hosts[host].epoch;
                self.agenda.at(at + boot, Event::Boot(host, epoch));
            }
            Change::ShutDown(host) => self.shut_down(at, host),
            Change::Crash(host) => self.crash(at, host),
            Change::Recover(host) => self.recover(at, host),
            Change::Hang(host) => {
                self.hosts[host].is_up = false;
                self.hosts[host].epoch += 1;
            }
            Change::Cable(host, is_up) => {
                self.fabric.access[host].is_up = is_up;
                let plug = self.fabric.access[host].plug;
                self.trap_link(at + 20 * MILLISECOND, plug, is_up);
            }
            Change::Listens(host, listens) => self.fabric.access[host].is_up = !listens,
            Change::CableLoss(host, loss_ppm) => self.fabric.access[host].loss_ppm = loss_ppm,
            Change::Trunk(trunk, is_up) => {
                self.fabric.trunks[trunk].is_up = is_up;
                let near = self.fabric.trunks[trunk].ends[0];
                self.trap_link(at + 20 * MILLISECOND, near, is_up);
                self.agenda.at(at + RECONVERGENCE, Event::Converge);
            }
            Change::TrunkLoss(trunk, loss_ppm) => self.fabric.trunks[trunk].loss_ppm = loss_ppm,
            Change::SwitchOff(switch) => self.switch_off(at, switch),
            Change::SwitchOn(switch) => self.switch_on(at, switch),
            Change::SwitchHang(switch) => {
                self.fabric.forwards[switch] = false;
                self.bridges[switch].is_up = false;
                self.agenda.at(at + 3 * 2 * SECOND, Event::Converge);
            }
            Change::SwitchWake(switch) => {
                self.fabric.forwards[switch] = true;
                let bridge = &mut self.bridges[switch];
                bridge.is_up = true;
                bridge.epoch += 1;
                let epoch = bridge.epoch;
                self.agenda.at(at + SECOND, Event::Bridge(switch, epoch, super::spanning::Turn::Lldp));
                self.agenda.at(at, Event::Bridge(switch, epoch, super::spanning::Turn::Hello));
                self.agenda.at(at + RECONVERGENCE, Event::Converge);
            }
            Change::Stall(host, is_stalled) => self.hosts[host].is_stalled = is_stalled,
            Change::Topology(switch) => self.say_change(at, switch),
            Change::ClaimRoot(switch, claims) => {
                self.root = if claims { switch } else { 0 };
                self.say_change(at, switch);
            }
            Change::TakeAddress(host, ip) => {
                let own = std::mem::replace(&mut self.hosts[host].ip, ip);
                if let Some(owners) = self.owners.get_mut(&own) {
                    owners.retain(|owner| *owner != host);
                }
                let owners = self.owners.entry(ip).or_default();
                owners.retain(|owner| *owner != host);
                owners.insert(0, host);
                // What was open under the former address is lost.
                let state = &mut self.hosts[host];
                state.epoch += 1;
                state.neighbors.clear();
                self.become_ready(at, host);
            }
            Change::Vlan(host, vlan) => {
                let plug = self.fabric.access[host].plug;
                self.trap_link(at + 20 * MILLISECOND, plug, false);
                self.trap_link(at + 2 * SECOND, plug, true);
                self.site.hosts[host].vlan = vlan;
                self.hosts[host].is_ready = false;
                self.hosts[host].epoch += 1;
                self.hosts[host].neighbors.clear();
                let epoch = self.hosts[host].epoch;
                let booted = self.hosts[host].booted;
                self.agenda.at(at + 2 * SECOND, Event::LinkUp(host, epoch, booted));
            }
            Change::DhcpDead(vlan, is_dead) => self.dhcp[usize::from(vlan)].is_dead = is_dead,
            Change::DhcpExhausted(vlan, is_it) => self.dhcp[usize::from(vlan)].is_exhausted = is_it,
            Change::RogueDhcp(host, gives) => self.hosts[host].gives_leases = gives,
            Change::AskAddress(host) => {
                self.forget_lease(host);
                let state = &mut self.hosts[host];
                state.is_ready = false;
                state.epoch += 1;
                state.neighbors.clear();
                self.after(at, host, Timer::Discover(0));
            }
            Change::RenewLease(host) => self.renew(at, host),
            Change::Time(clock) => self.clock = clock,
            Change::AskTime(host) => {
                self.ask_time(at, host);
            }
            Change::Advertise(host, lifetime_s) => self.advertise_router(at, host, lifetime_s),
            Change::Loop(copies) => self.circling = copies,
            Change::Storm(host, count) => self.storm(at, host, count),
            Change::Bulk(from, to, count) => self.bulk(at, from, to, count),
            Change::MirrorLost(is_lost) => {
                self.tap.is_mute = is_lost;
            }
            Change::MirrorMissing(switch, ref ports) => {
                for source in self.fabric.sources.iter_mut().filter(|source| source.switch == switch) {
                    source.missing.clone_from(ports);
                }
            }
            Change::MirrorWays(switch, ingress, egress) => {
                for source in self.fabric.sources.iter_mut().filter(|source| source.switch == switch) {
                    (source.ingress, source.egress) = (ingress, egress);
                }
            }
            Change::MirrorLoss(loss_ppm) => self.tap.loss_ppm = loss_ppm,
            Change::MirrorCopies(count) => self.tap.extra_copies = count,
            Change::ClockStep(step) => self.tap.clock_off += step,
            Change::Reconnect(host) => {
                for (id, side) in self.connections_of(host) {
                    if side == Side::Client {
                        self.close(at, id, side);
                    }
                }
                self.start_pulling(at + 3 * SECOND, host);
            }
            Change::Record(camera, is_recorded) => {
                for job in self.jobs_of(camera) {
                    self.want(at, job, is_recorded);
                }
            }
            Change::Look(viewer, camera, looks) => self.turn_to(at, (viewer, camera), looks),
        }
        self.is_lossy = self.fabric.is_lossy();
    }

    fn power_off(&mut self, at: i64, host: HostId) {
        self.fabric.access[host].is_up = false;
        let state = &mut self.hosts[host];
        state.is_up = false;
        state.is_ready = false;
        state.epoch += 1;
        let plug = self.fabric.access[host].plug;
        self.trap_link(at + 20 * MILLISECOND, plug, false);
    }

    fn shut_down(&mut self, at: i64, host: HostId) {
        if self.site.hosts[host].role == Role::Camera {
            self.say_bye(at, host);
        }
        for (id, side) in self.connections_of(host) {
            self.close(at + 5 * MILLISECOND, id, side);
        }
        self.settle_all(at + 20 * MILLISECOND);
        let state = &mut self.hosts[host];
        state.is_up = false;
        state.is_ready = false;
        state.epoch += 1;
    }

    fn crash(&mut self, at: i64, host: HostId) {
        self.hosts[host].serves = false;
        for (id, side) in self.connections_of(host) {
            self.abort(at, id, side);
        }
    }

    fn recover(&mut self, at: i64, host: HostId) {
        self.hosts[host].serves = true;
        match self.site.hosts[host].role {
            Role::Recorder => self.start_pulling(at, host),
            Role::AccessServer => self.start_polling(at, host),
            _ => {}
        }
    }

    fn switch_off(&mut self, at: i64, switch: SwitchId) {
        let fed: Vec<HostId> = self.site.behind(switch).filter(|host| self.is_fed(*host)).collect();
        for host in fed {
            self.fabric.access[host].is_up = false;
            let state = &mut self.hosts[host];
            state.is_up = false;
            state.is_ready = false;
            state.epoch += 1;
        }
        let own = self.site.switches[switch].host;
        self.hosts[own].is_up = false;
        self.hosts[own].epoch += 1;
        self.fabric.forwards[switch] = false;
        self.bridges[switch].is_up = false;
        let uplink = self.fabric.uplink(switch).map(|trunk| self.fabric.trunks[trunk].ends[0]);
        if let Some(plug) = uplink {
            self.trap_link(at + 20 * MILLISECOND, plug, false);
        }
        self.agenda.at(at + RECONVERGENCE, Event::Converge);
    }

    fn switch_on(&mut self, at: i64, switch: SwitchId) {
        self.start_switch(at, switch);
        self.agenda.at(at + RECONVERGENCE, Event::Converge);
        self.trap_cold_start(at + 5 * SECOND, switch);
        let fed: Vec<HostId> = self.site.behind(switch).filter(|host| self.is_fed(*host)).collect();
        for (index, host) in fed.into_iter().enumerate() {
            self.fabric.access[host].is_up = true;
            let boot = self.site.hosts[host].boot_time();
            let epoch = self.hosts[host].epoch;
            // Ports are fed in their order, half a second apart.
            self.agenda.at(at + boot + index as i64 * SECOND / 2, Event::Boot(host, epoch));
        }
    }

    /// Whether a host draws its power from its switch.
    #[must_use]
    pub fn is_fed(&self, host: HostId) -> bool {
        let plug = self.site.hosts[host].plug;
        self.site.switches[plug.switch].feeds
            && matches!(self.site.hosts[host].role, Role::Camera | Role::Controller | Role::Intercom)
    }

    fn bulk(&mut self, at: i64, from: HostId, to: HostId, count: u32) {
        let to = self.hosts[to].ip;
        for n in 0..i64::from(count) {
            let transport = Self::datagram((BULK_PORT, BULK_PORT), vec![0x5a; BULK_BYTES]);
            let at = at + n * (SECOND * 9 / 10) / i64::from(count);
            self.send(at, Parcel { from, to, transport, says: Vec::new(), message: Message::Nothing });
        }
    }

    fn storm(&mut self, at: i64, host: HostId, count: u32) {
        let ip = self.hosts[host].ip;
        for n in 0..count {
            let [a, b, c, _] = ip.octets();
            let target = Ipv4Addr::new(a, b, c, (n % 250) as u8 + 1);
            self.cry(at + i64::from(n) * (SECOND / i64::from(count.max(1))), host, target);
        }
    }
}

/// What a bulk sender fills: a datagram in one full frame, to a port that nobody else uses.
const BULK_BYTES: usize = 1_400;
const BULK_PORT: u16 = 5_201;
/// The rapid spanning tree finds another way within this time of a lost cable.
const RECONVERGENCE: i64 = 300 * MILLISECOND;
