//! The site at work: hosts with their protocols, the network between them, the mirror that copies it.
//!
//! Everything happens as an [`Event`] of the agenda, in order of time. Media is the exception: there is so much
//! of it that each stream is caught up with once a second, and before anything changes that could matter to it.

mod announce;
mod boot;
mod bulk;
mod change;
mod link;
mod noise;
mod panel;
mod pull;
mod seconds;
mod spanning;
mod stream;
mod tcp;

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::Ipv4Addr;
use std::rc::Rc;

pub use change::{Change, Clock};
pub use pull::JobId;
pub use stream::{PAYLOAD_TYPE, Stream, StreamId};

use crate::agenda::Agenda;
use crate::fabric::{Fabric, HostId, SwitchId};
use crate::options::{MILLISECOND, Options, SECOND};
use crate::random::Random;
use crate::site::{Host, Role, Site, vlan};
use crate::tap::Tap;
use link::Neighbor;
use panel::Panel;
use pull::Job;
use spanning::Bridge;
use tcp::{Connection, ConnectionId, Disk, Note, Side, Why};

/// A running site.
pub struct World<'o> {
    /// What was planned.
    pub site: Site,
    /// The network.
    pub fabric: Fabric,
    /// The mirror port.
    pub tap: Tap<'o>,
    /// All streams there ever were.
    pub streams: Vec<Stream>,
    /// Those that run.
    running: Vec<StreamId>,
    hosts: Vec<State>,
    bridges: Vec<Bridge>,
    agenda: Agenda<Event>,
    connections: Vec<Connection>,
    idle_connections: Vec<ConnectionId>,
    jobs: Vec<Job>,
    panels: Vec<Panel>,
    owners: HashMap<Ipv4Addr, Vec<HostId>>,
    changes: Vec<(i64, Change)>,
    internet: Option<HostId>,
    access_server: Option<HostId>,
    dhcp: Vec<boot::Server>,
    /// What the gateway tells of the time.
    clock: Clock,
    /// The root of the spanning tree, as switches take it to be.
    root: SwitchId,
    /// How many times a broadcast comes by again, while a loop is closed.
    circling: u8,
    /// Whether some cable loses frames by chance.
    is_lossy: bool,
    random: Random,
    nothing: Rc<[u8]>,
    now: i64,
}

/// A host at work.
#[derive(Debug)]
struct State {
    is_up: bool,
    /// Whether it has its address and its services run.
    is_ready: bool,
    /// Whether its services run though the machine does; an incident can stop them alone.
    serves: bool,
    /// Whether its encoder stopped though its services run.
    is_stalled: bool,
    /// Whether it answers DHCP though nobody asked it to.
    gives_leases: bool,
    /// The transaction in which it asked for an address and took no offer yet.
    asks: Option<u32>,
    /// When it last defended its address.
    defended: i64,
    /// Counts boots and shutdowns; what was planned before the last one is void.
    epoch: u32,
    ip: Ipv4Addr,
    booted: i64,
    packet_id: u16,
    next_port: u16,
    stamp_base: u32,
    neighbors: BTreeMap<Ipv4Addr, Neighbor>,
    random: Random,
    /// Draws identifications, of which there are as many as packets that somebody makes.
    ids: Random,
    /// When its disk is busy.
    disk: Disk,
}

/// Something that happens.
#[derive(Debug)]
enum Event {
    Second,
    Boot(HostId, u32),
    /// A host's link comes up though it never went down itself: it runs since then.
    LinkUp(HostId, u32, i64),
    Timer(HostId, u32, Timer),
    Asked {
        owner: HostId,
        asker: HostId,
        target: Ipv4Addr,
    },
    Answered {
        asker: HostId,
        ip: Ipv4Addr,
        owner: HostId,
    },
    AskAgain(HostId, u32, Ipv4Addr),
    Message {
        to: HostId,
        from: HostId,
        message: Message,
    },
    SynAgain(ConnectionId, u32),
    Opened(ConnectionId, u32),
    Again(ConnectionId, u32, Side),
    Reads(ConnectionId, u32, Side),
    Delivered(ConnectionId, u32, Side, Note),
    Step(ConnectionId, u32),
    Closed(ConnectionId, u32, Why),
    Pull(JobId, u32),
    KeepAlive(JobId, u32),
    Report(StreamId),
    PanelPoll(usize, u32),
    Bridge(SwitchId, u32, spanning::Turn),
    Converge,
    Change(usize),
}

/// What a host does by the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Timer {
    /// Asks DHCP for the how-manieth time.
    Discover(u8),
    /// Asks DHCP for what was offered.
    Renew,
    /// Claims its address against somebody else.
    Defend,
    /// Makes itself known.
    Announce(u8),
    Time,
    Register,
    Ping,
    Chat,
    /// Something moves, or stops moving.
    Motion(bool),
    Wake,
    Sleep,
    /// A viewer looks, or looks away from this job.
    Look,
    LookAway(JobId),
    /// The VMS asks a camera how it is.
    Ask(u32),
}

/// A datagram that somebody understands.
#[derive(Debug, Clone)]
enum Message {
    Dhcp(boot::Said),
    TimeRequest(Rc<[u8]>, u16),
    TimeReply,
    NameQuery { id: u16, name: String, kind: u16, port: u16 },
    Sip(Rc<[u8]>),
    ReceiverReport,
    Nothing,
}

impl<'o> World<'o> {
    /// A site at the moment before its first frame.
    #[must_use]
    pub fn new(options: &Options, site: Site, changes: Vec<(i64, Change)>, mut tap: Tap<'o>) -> Self {
        let seed = options.seed;
        let fabric = Fabric::new(
            site.switches.len(),
            site.trunks.clone(),
            site.access(),
            site.sources(options.view),
            Random::of(seed, "fabric", 0),
        );
        let warm_up = if options.is_settled { WARM_UP } else { 0 };
        let now = options.start - warm_up;
        tap.is_mute = warm_up > 0;
        let hosts = (0..site.hosts.len()).map(|id| State::new(&site.hosts[id], id, seed)).collect();
        let mut owners: HashMap<Ipv4Addr, Vec<HostId>> = HashMap::new();
        for (id, host) in site.hosts.iter().enumerate() {
            owners.entry(host.ip).or_default().push(id);
        }
        for id in vlan::ALL {
            let owners = owners.entry(crate::site::gateway_ip(id)).or_default();
            if !owners.contains(&GATEWAY) {
                owners.push(GATEWAY);
            }
        }
        let bridges = (0..site.switches.len()).map(|id| Bridge::new(id, &site, seed)).collect();
        let internet = site.all(Role::Internet).next();
        let access_server = site.all(Role::AccessServer).next();
        let mut world = Self {
            fabric,
            tap,
            streams: Vec::new(),
            running: Vec::new(),
            internet,
            access_server,
            hosts,
            bridges,
            agenda: Agenda::new(),
            connections: Vec::new(),
            idle_connections: Vec::new(),
            jobs: Vec::new(),
            panels: Vec::new(),
            owners,
            changes,
            dhcp: vec![boot::Server::default(); 100],
            clock: Clock::Set,
            root: 0,
            circling: 0,
            is_lossy: false,
            random: Random::of(seed, "world", 0),
            nothing: Rc::new([]),
            now,
            site,
        };
        world.plan_pulls();
        world.plan_panels();
        world.begin(options);
        world
    }

    /// Enters the first events: switches first, then hosts, as after a power cut, or spread out.
    fn begin(&mut self, options: &Options) {
        let mut random = Random::of(options.seed, "begin", 0);
        for id in 0..self.bridges.len() {
            let after = random.between(0, 2 * SECOND);
            self.agenda.at(self.now + after, Event::Bridge(id, 0, spanning::Turn::Lldp));
            self.agenda.at(self.now + after / 2, Event::Bridge(id, 0, spanning::Turn::Hello));
        }
        for id in 0..self.hosts.len() {
            let after = match self.site.hosts[id].role {
                Role::Gateway | Role::Internet | Role::Switch(_) => 0,
                Role::Recorder | Role::Vms | Role::AccessServer => random.between(SECOND / 2, 2 * SECOND),
                _ => random.between(SECOND, BOOT_SPREAD),
            };
            self.agenda.at(self.now + after, Event::Boot(id, 0));
        }
        let first_second = (self.now / SECOND + 1) * SECOND;
        self.agenda.at(first_second, Event::Second);
        for index in 0..self.changes.len() {
            self.agenda.at(self.changes[index].0, Event::Change(index));
        }
    }

    /// Lets the site run from `start` until `end`, both in nanoseconds since 1970.
    ///
    /// # Errors
    /// Where the mirror's sink cannot take a frame.
    pub fn run(&mut self, start: i64, end: i64, mut progress: impl FnMut(i64)) -> io::Result<()> {
        self.tap.until = end;
        let mut is_begun = !self.tap.is_mute;
        self.tap.begin(((self.now / SECOND + 1) * SECOND).min(end));
        while let Some((at, event)) = self.agenda.next_before(end) {
            if at >= start && !is_begun {
                is_begun = true;
                self.settle_all(start);
                self.forget_counts();
                self.tap.is_mute = false;
            }
            self.now = self.now.max(at);
            if matches!(event, Event::Second) {
                self.second(at, end)?;
                progress(at);
            } else {
                self.happen(at, event);
            }
        }
        self.catch_up(end - TAIL);
        self.sum_up_all();
        self.tap.release(end, end)
    }

    fn second(&mut self, at: i64, end: i64) -> io::Result<()> {
        self.catch_up(at);
        self.sum_up_all();
        self.tap.release(at, (at + SECOND).min(end))?;
        self.agenda.at(at + SECOND, Event::Second);
        Ok(())
    }

    /// Catches up with media, and with what it led to: a router asks for a receiver, who answers and begins to pull.
    fn catch_up(&mut self, until: i64) {
        self.settle_all(until);
        while let Some((at, event)) = self.agenda.next_before(until) {
            let streams = self.streams.len();
            self.happen(at, event);
            if self.streams.len() > streams {
                self.settle_all(until);
            }
        }
    }

    fn happen(&mut self, at: i64, event: Event) {
        match event {
            Event::Second => {}
            Event::Boot(host, epoch) => self.if_current(host, epoch, |world| world.boot(at, host)),
            Event::LinkUp(host, epoch, booted) => {
                self.if_current(host, epoch, |world| world.link_up(at, host, booted));
            }
            Event::Timer(host, epoch, timer) => {
                self.if_current(host, epoch, |world| world.timer(at, host, timer));
            }
            Event::Asked { owner, asker, target } => self.asked(at, owner, asker, target),
            Event::Answered { asker, ip, owner } => self.answered(at, asker, ip, owner),
            Event::AskAgain(host, epoch, ip) => {
                self.if_current(host, epoch, |world| world.ask_again(at, host, ip));
            }
            Event::Message { to, from, message } => self.message(at, to, from, message),
            Event::SynAgain(id, generation) => self.if_alive(id, generation, |world| world.syn(at, id)),
            Event::Opened(id, generation) => self.if_alive(id, generation, |world| world.opened(at, id)),
            Event::Again(id, generation, side) => {
                self.if_alive(id, generation, |world| {
                    world.settle_connection(at, id);
                    world.again(at, id, side);
                });
            }
            Event::Reads(id, generation, side) => {
                self.if_alive(id, generation, |world| {
                    world.settle_connection(at, id);
                    world.reads(at, id, side);
                });
            }
            Event::Delivered(id, generation, side, note) => {
                self.if_alive(id, generation, |world| {
                    world.settle_connection(at, id);
                    world.delivered(at, id, side, note);
                });
            }
            Event::Step(id, generation) => self.if_alive(id, generation, |world| world.step(at, id)),
            Event::Closed(id, generation, why) => {
                self.if_alive(id, generation, |world| world.closed(at, id, why));
            }
            Event::Pull(job, generation) => self.pull(at, job, generation),
            Event::KeepAlive(job, generation) => self.keep_alive(at, job, generation),
            Event::Report(stream) => self.report(at, stream),
            Event::PanelPoll(panel, generation) => self.panel_poll(at, panel, generation),
            Event::Bridge(switch, epoch, turn) => self.bridge(at, switch, epoch, turn),
            Event::Converge => self.converge(at),
            Event::Change(index) => {
                let change = self.changes[index].1.clone();
                self.change(at, &change);
            }
        }
    }

    fn timer(&mut self, at: i64, host: HostId, timer: Timer) {
        match timer {
            Timer::Discover(tries) => self.discover(at, host, tries),
            Timer::Renew => self.renew(at, host),
            Timer::Announce(turn) => self.announce(at, host, turn),
            Timer::Defend => self.claim(at, host, false),
            Timer::Time => self.keep_time(at, host),
            Timer::Register => self.register(at, host),
            Timer::Ping => self.ping(at, host),
            Timer::Chat => self.chat(at, host),
            Timer::Motion(moves) => self.motion(at, host, moves),
            Timer::Wake => self.wake(at, host),
            // Its radio is off: it answers nothing.
            Timer::Sleep => self.hosts[host].is_ready = false,
            Timer::Look => self.look(at, host),
            Timer::LookAway(job) => self.look_away(at, job),
            Timer::Ask(index) => self.ask_camera(at, host, index),
        }
    }

    fn message(&mut self, at: i64, to: HostId, from: HostId, message: Message) {
        let state = &self.hosts[to];
        if !state.is_up {
            return;
        }
        match message {
            Message::Dhcp(said) => self.dhcp(at, to, from, said),
            Message::TimeRequest(request, port) if state.serves => {
                self.tell_time(at, to, from, &request, port)
            }
            Message::NameQuery { id, name, kind, port } if state.serves => {
                self.tell_name(at, to, from, (id, &name, kind, port));
            }
            Message::Sip(answer) if state.serves && state.is_ready => self.tell_sip(at, to, from, answer),
            Message::TimeRequest(..) | Message::NameQuery { .. } | Message::Sip(_) => {}
            Message::TimeReply | Message::ReceiverReport | Message::Nothing => {}
        }
    }

    /// Enters a timer of a host, void once it restarts.
    fn after(&mut self, at: i64, host: HostId, timer: Timer) {
        let epoch = self.hosts[host].epoch;
        self.agenda.at(at, Event::Timer(host, epoch, timer));
    }

    fn if_current(&mut self, host: HostId, epoch: u32, then: impl FnOnce(&mut Self)) {
        if self.hosts[host].epoch == epoch {
            then(self);
        }
    }

    fn if_alive(&mut self, id: ConnectionId, generation: u32, then: impl FnOnce(&mut Self)) {
        if self.connections[id].generation == generation {
            then(self);
        }
    }

    /// Whether a host runs and has its address.
    #[must_use]
    pub fn is_ready(&self, host: HostId) -> bool {
        self.hosts[host].is_up && self.hosts[host].is_ready
    }

    /// The address that a host has now.
    #[must_use]
    pub fn ip(&self, host: HostId) -> Ipv4Addr {
        self.hosts[host].ip
    }
}

impl State {
    fn new(host: &Host, id: HostId, seed: u64) -> Self {
        let mut random = Random::of(seed, "host", id as u64);
        Self {
            is_up: false,
            is_ready: false,
            serves: true,
            is_stalled: false,
            gives_leases: false,
            asks: None,
            defended: 0,
            epoch: 0,
            ip: host.ip,
            booted: 0,
            packet_id: random.bits() as u16,
            next_port: 32_768 + random.below(20_000) as u16,
            stamp_base: random.bits() as u32,
            neighbors: BTreeMap::new(),
            random,
            ids: Random::of(seed, "id", id as u64),
            disk: Disk::of(seed, id),
        }
    }

    /// The next ephemeral port.
    fn port(&mut self) -> u16 {
        self.next_port = if self.next_port >= 60_990 { 32_768 } else { self.next_port + 2 };
        self.next_port
    }

    /// The next IPv4 identification.
    fn id(&mut self, counts: bool) -> u16 {
        if counts {
            self.packet_id = self.packet_id.wrapping_add(1).max(1);
        } else {
            self.packet_id = (self.ids.bits() as u16).max(1);
        }
        self.packet_id
    }
}

/// The gateway is the first host of every site.
pub(crate) const GATEWAY: HostId = 0;
/// How long before the capture a settled site was switched on.
const WARM_UP: i64 = 120 * SECOND;
/// Devices start within this time.
const BOOT_SPREAD: i64 = 12 * SECOND;
/// A picture that begins later may not be over at the end of the capture.
const TAIL: i64 = 5 * MILLISECOND;
/// What a program needs to answer.
const THINKING: i64 = 2 * MILLISECOND;
