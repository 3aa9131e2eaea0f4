//! The bridge between the simulator's second depth and the ledger: sights become observations.
//!
//! It keeps books as the product does with frames: what a frame says is taken in its order, sums are flushed at
//! the tick that ends their second, and what the clock says comes behind them.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use spanwatch_engine::clock::{Clock, GapReason, Moment};
use spanwatch_engine::duplicate::{self, OFTEN};
use spanwatch_engine::ledger::Ledger;
use spanwatch_engine::observation::{Cite, Observation, Party, Place};
use spanwatch_engine::report::build::{Run, report};
use spanwatch_engine::report::{CaptureCounts, Report};
use spanwatch_engine::shard::FIRST_OF_FRAME;
use spanwatch_fingerprints::Fingerprints;
use spanwatch_parsers::{
    ALL, Activity, Attached, BindingBy, Bridge, BridgeId, Ended, Exchange, Fact, Key, Lease, Mac, Neighbor,
    Notice, NoticeKind, PortFlags, ReceiverReport, Returning, RouterAnnounced, Segments, Span,
    StreamActivity, StreamAnnounced, StreamTransport, Text, Time, TimeStep, Timekeeping,
};
use spanwatch_simulator::options::SECOND;
use spanwatch_simulator::sight::{self, Copied, Heard, Media, Says, Sight, Trap, What};
use spanwatch_simulator::tap::Reader;
use spanwatch_simulator::wire::stp::{self, Bpdu};

/// A ledger that reads sights.
pub struct Observed {
    ledger: Ledger,
    clock: Clock,
    /// Counts what stands for frames.
    frame: u64,
    /// Sights of the second under way.
    second: Vec<Sight>,
    /// Sums of the second before, which wait for the tick.
    sums: Vec<Sight>,
    /// Frames of that second that came again, by sender.
    returning: BTreeMap<sight::Party, (Sight, Returning)>,
    /// When a side of a flow was last said to have its address by itself.
    bound: HashMap<u64, i64>,
    /// Frames, and copies of them.
    counts: CaptureCounts,
}

impl Default for Observed {
    fn default() -> Self {
        let mut clock = Clock::new(false);
        clock.input_opened(0);
        Self {
            ledger: Ledger::new(Fingerprints::builtin()),
            clock,
            frame: 0,
            second: Vec::new(),
            sums: Vec::new(),
            returning: BTreeMap::new(),
            bound: HashMap::new(),
            counts: CaptureCounts::default(),
        }
    }
}

impl Reader for Observed {
    fn sight(&mut self, sight: Sight) {
        let second = |sight: &Sight| sight.at.div_euclid(SECOND);
        if self.second.first().is_some_and(|first| second(first) != second(&sight)) {
            self.end_second();
        }
        self.second.push(sight);
    }
}

impl Observed {
    /// What is known at the end of the capture.
    pub fn report(mut self) -> Report {
        self.end_second();
        self.clock.input_ended(0);
        let clock = self.clock.now();
        self.flush(clock.unwrap_or_default());
        if let Some(end) = clock {
            self.ledger.complete(end);
        }
        report(self.ledger, &Run { clock, counts: self.counts, ..Run::default() })
    }

    fn end_second(&mut self) {
        let mut second = std::mem::take(&mut self.second);
        let Some((first, last, frames)) = extent(&second) else { return };
        let mut moments = Vec::new();
        // A clock that was set back is believed after some frames.
        for _ in 0..frames.min(FRAMES_TO_BELIEVE) {
            self.clock.frame(Time(first), 0, &mut moments);
            self.heed(&mut moments);
        }
        self.clock.frame(Time(last), 0, &mut moments);
        self.heed(&mut moments);
        for sight in &second {
            match &sight.what {
                What::Said(Says::Again(again, lasting)) => self.returned(sight, *again, *lasting),
                What::Said(says) => self.said(sight, says),
                What::Heard(heard) => self.bind(sight, heard),
                What::Media(_) | What::Copied(_) => {}
            }
        }
        second.retain(|sight| !matches!(sight.what, What::Said(_)));
        let (media, heard): (Vec<_>, Vec<_>) =
            second.into_iter().partition(|sight| matches!(sight.what, What::Media(_)));
        self.sums.extend(heard.into_iter().chain(media));
    }

    /// Flushes the sums before what the clock says, and heeds it.
    fn heed(&mut self, moments: &mut Vec<Moment>) {
        let Some(first) = moments.first() else { return };
        self.flush(match *first {
            Moment::Tick(at) => at,
            Moment::Gap { from, .. } | Moment::Leap { from, .. } => from,
            Moment::Blind { .. } | Moment::Dropped { .. } => unreachable!("only a live capture says so"),
        });
        for moment in moments.drain(..) {
            match moment {
                Moment::Tick(at) => self.ledger.complete(at),
                Moment::Gap { from, to, why } => {
                    assert_eq!(why, GapReason::Silence, "there is one input");
                    self.ledger.gap(from, to, why);
                }
                Moment::Leap { from, to } => {
                    self.ledger.leap(from, to, Cite::new(0, self.frame));
                }
                Moment::Blind { .. } | Moment::Dropped { .. } => unreachable!("only a live capture says so"),
            }
        }
    }

    fn flush(&mut self, at: Time) {
        for sight in std::mem::take(&mut self.sums) {
            let fact = match sight.what {
                What::Heard(heard) => {
                    self.counts.packets += heard.packets;
                    // Who sends much more than acknowledgements sends bytes.
                    if sight.protocol == Some(TCP) && heard.packets >= 8 && heard.bytes / heard.packets >= 200
                    {
                        let segments = Segments { carrying: heard.packets, ..Segments::default() };
                        let seen = self.observation(&sight, (at, 0), "flow", Fact::Segments(segments));
                        self.ledger.observe(&seen);
                    }
                    Fact::Activity(activity(&heard))
                }
                What::Media(media) => Fact::Stream(Box::new(stream(&sight, &media))),
                What::Copied(copied) => {
                    self.count(&sight, &copied);
                    Fact::Copies { count: copied.again, most: copied.most }
                }
                What::Said(_) => continue,
            };
            let source = match fact {
                Fact::Stream(_) => "rtp",
                Fact::Copies { .. } => "duplicates",
                _ => "flow",
            };
            let seen = self.observation(&sight, (at, 0), source, fact);
            self.ledger.observe(&seen);
        }
        for (sight, returning) in std::mem::take(&mut self.returning).into_values() {
            let copies = Fact::Copies { count: returning.again, most: returning.most };
            let returning = Some(Fact::Returning(returning)).filter(|_| returning.most >= OFTEN);
            for fact in std::iter::once(copies).chain(returning) {
                let seen = self.observation(&sight, (at, 0), "duplicates", fact);
                self.ledger.observe(&seen);
            }
        }
    }

    /// Adds copies of a second, as of a mirror that makes them without any difference.
    fn count(&mut self, sight: &Sight, copied: &Copied) {
        let Copied { again, alike, most } = *copied;
        let (at, cite) = (Time(sight.at), Cite::new(0, self.frame));
        let (first, _) = self.counts.copies.made.unwrap_or(((at, cite), at));
        self.counts.packets += again;
        self.counts.copies.merge(&duplicate::Counts {
            copies: again,
            by_delay: again,
            by_mirror: again - alike,
            most,
            made: Some((first, at)).filter(|_| again > alike),
            ..duplicate::Counts::default()
        });
    }

    fn returned(&mut self, sight: &Sight, again: u32, lasting: i64) {
        let begun = || (sight.clone(), Returning::default());
        let (_, returning) = self.returning.entry(sight.from).or_insert_with(begun);
        returning.again += u64::from(again);
        returning.frames += 1;
        returning.most = returning.most.max(again);
        returning.lasting = returning.lasting.max(Span(lasting));
        returning.last = Time(sight.at + lasting);
    }

    /// What is sent to a group of the link bears its sender's own MAC (RFC 5771, 4): said once a minute.
    fn bind(&mut self, sight: &Sight, heard: &Heard) {
        let (Some(from), Some(to)) = (sight.from.ip, sight.to.ip) else { return };
        let is_of_the_link = match (from, to) {
            (IpAddr::V4(from), IpAddr::V4(to)) => to.octets()[..3] == [224, 0, 0] && !from.is_unspecified(),
            (IpAddr::V6(from), IpAddr::V6(to)) => {
                from.is_unicast_link_local() || (to.segments()[0] == 0xff02 && !from.is_unspecified())
            }
            _ => false,
        };
        if !is_of_the_link || self.bound.get(&heard.flow).is_some_and(|last| heard.first - last < MINUTE) {
            return;
        }
        self.bound.insert(heard.flow, heard.first);
        self.frame += 1;
        let fact = Fact::Binding { mac: Mac(sight.from.mac.0), ip: from, by: BindingBy::LinkScope };
        let seen = self.observation(sight, (Time(heard.first), 0), "flow", fact);
        self.ledger.observe(&seen);
    }

    fn said(&mut self, sight: &Sight, says: &Says) {
        self.frame += 1;
        for (index, (about, source, fact)) in (0..).zip(facts(sight, says)) {
            let mut seen = self.observation(sight, (Time(sight.at), index), source, fact);
            if let Some((mac, ip)) = about {
                seen.peer = seen.subject;
                seen.subject = Party { mac, ip, vlan: sight.vlan, ..Party::default() };
            }
            self.ledger.observe(&seen);
        }
    }

    fn observation(
        &self,
        sight: &Sight,
        (at, index): (Time, u32),
        source: &'static str,
        fact: Fact,
    ) -> Observation {
        let party = |party: &sight::Party| Party {
            mac: Some(Mac(party.mac.0)).filter(|mac| mac.is_device()),
            ip: party.ip,
            vlan: sight.vlan,
            hop_limit: party.ttl,
            port: party.port,
        };
        Observation {
            place: Place { frame: self.frame, shard: 0, index: FIRST_OF_FRAME + index },
            at,
            cite: Cite::new(0, self.frame),
            subject: party(&sight.from),
            peer: party(&sight.to),
            transport: sight.protocol,
            source,
            fact,
        }
    }
}

/// A word of NTP.
fn time(step: TimeStep, is_set: bool) -> Fact {
    let stratum = if is_set { 2 } else { 0 };
    Fact::Timekeeping(Box::new(Timekeeping { step, stratum, is_set, source: None, sent: 1, answers: 1 }))
}

/// Somebody named in a message, where it is not about its sender.
type Named = Option<(Option<Mac>, Option<IpAddr>)>;

/// What a frame's word is to the product: about whom, by which protocol, and what.
fn facts(sight: &Sight, says: &Says) -> Vec<(Named, &'static str, Fact)> {
    let named = |mac: &spanwatch_simulator::wire::Mac, ip| Some((Some(Mac(mac.0)), ip));
    let target = sight.to.ip.unwrap_or(IpAddr::from([0; 4]));
    let resolver = if sight.protocol.is_none() { "arp" } else { "nd" };
    match says {
        Says::Binding(mac, ip) => {
            let fact = Fact::Binding { mac: Mac(mac.0), ip: *ip, by: BindingBy::Claim };
            vec![(named(mac, Some(*ip)), resolver, fact)]
        }
        Says::Claimed(mac, ip) => {
            let about = named(mac, Some(*ip));
            let binding = Fact::Binding { mac: Mac(mac.0), ip: *ip, by: BindingBy::Claim };
            vec![(about, resolver, binding), (about, resolver, Fact::Announced)]
        }
        Says::Asked(own, target) => {
            vec![(
                named(&sight.from.mac, *own),
                resolver,
                Fact::Asked { target: *target, of: Some(Mac(sight.to.mac.0)).filter(|mac| mac.is_device()) },
            )]
        }
        Says::Leased { .. } => leased(says),
        Says::Named { mac, class, name } => {
            let about = named(mac, None);
            let said = [(Key::DhcpVendorClass, class), (Key::DhcpHostname, name)];
            let said = said.into_iter().filter_map(|(key, value)| Some((key, value.as_deref()?)));
            said.flat_map(|(key, value)| labelled(key, value)).map(|fact| (about, "dhcp", fact)).collect()
        }
        Says::Attached(mac, switch, port) => {
            let attached = Attached {
                switch: Some(Text::from(switch.as_str())),
                port: Some(Text::from(port.as_str())),
                vlan: None,
            };
            vec![(named(mac, None), "dhcp", Fact::Attached(Box::new(attached)))]
        }
        Says::Router => vec![(None, "nd", Fact::Router)],
        Says::RouterFor(lifetime_s, prefix) => {
            let prefixes = prefix.map(|prefix| (prefix, 64)).into_iter().collect();
            let told = RouterAnnounced { lifetime_s: *lifetime_s, prefixes, ..RouterAnnounced::default() };
            vec![(None, "nd", Fact::RouterAnnounced(Box::new(told)))]
        }
        Says::AsksTime => vec![(None, "ntp", time(TimeStep::Asked, false))],
        Says::TellsTime(is_set) => vec![(None, "ntp", time(TimeStep::Answered, *is_set))],
        Says::Opening(attempt) => {
            vec![(None, "flow", Fact::Opening { target, port: sight.to.port, attempt: *attempt })]
        }
        Says::Refused => vec![(None, "flow", Fact::Refused { port: sight.from.port })],
        Says::Retried(attempt) => vec![(None, "flow", Fact::Retried { target, attempt: *attempt })],
        Says::Unseen(unseen) => {
            vec![(None, "flow", Fact::Segments(Segments { unseen: *unseen, ..Segments::default() }))]
        }
        Says::Unreachable(target) => {
            let fact = Fact::Unreachable { target: *target, kind: 3, code: 1, transport: 6, port: None };
            vec![(None, "icmp", fact)]
        }
        Says::Neighbor(neighbor) => {
            let mac = Mac(neighbor.chassis.0);
            let management =
                neighbor.management.map(|ip| Fact::Binding { mac, ip, by: BindingBy::Management });
            let fact = Fact::Neighbor(Box::new(Neighbor {
                chassis: Text::from(mac.to_string().as_str()),
                mac: Some(mac),
                port: Text::from(neighbor.port.as_str()),
                name: Some(Text::from(neighbor.name.as_str())),
                ttl_s: neighbor.ttl_s,
                capabilities: BRIDGE,
                management: neighbor.management.into_iter().collect(),
                ..Neighbor::default()
            }));
            std::iter::once(fact).chain(management).map(|fact| (None, "lldp", fact)).collect()
        }
        // Only what the product reads.
        Says::Served(protocol) => {
            let parser = ALL.iter().find(|parser| parser.name == *protocol);
            parser.map(|it| (None, it.name, Fact::Service { protocol: it.name })).into_iter().collect()
        }
        Says::Announced { ssrc, destination, ports, is_interleaved } => {
            let by_udp = Some(*ports).filter(|_| !is_interleaved);
            let transport = transport(*is_interleaved, *destination);
            let fact = Fact::StreamAnnounced(Box::new(StreamAnnounced {
                transport,
                destination: Some(*destination).filter(|ip| ip.is_multicast()),
                source_port: by_udp.map(|(from, _)| from).filter(|_| transport == StreamTransport::Udp),
                destination_port: by_udp.map(|(_, to)| to),
                channel: is_interleaved.then_some(0),
                ssrc: Some(*ssrc),
                payload_type: None,
                codec: None,
                clock_hz: None,
                is_encrypted: false,
            }));
            vec![(None, "rtsp", fact)]
        }
        Says::Again(..) => Vec::new(),
        Says::Agrees(method) => {
            let exchange = Exchange { method: Text::from(*method), target: None, status: Some(200) };
            let source = if *method == "POST" { "http" } else { "rtsp" };
            vec![(None, source, Fact::Exchange(Box::new(exchange)))]
        }
        Says::Hello(instance) => {
            let fact = Fact::Instance { number: Some(*instance), is_announced: true };
            // Every hello of the simulator's names this type.
            let kind = labelled(Key::WsdType, "NetworkVideoTransmitter");
            std::iter::once(fact).chain(kind).map(|fact| (None, "ws-discovery", fact)).collect()
        }
        Says::Goodbye(instance) => {
            let fact = Fact::Instance { number: Some(*instance), is_announced: false };
            vec![(None, "ws-discovery", fact)]
        }
        Says::Tree(bpdu) => tree(bpdu).into_iter().map(|fact| (None, "stp", fact)).collect(),
        Says::Trap(trap) => vec![(None, "snmp", Fact::Notice(Box::new(notice(*trap))))],
        Says::SenderReport(ssrc) => {
            let clock = spanwatch_parsers::Clock { ssrc: *ssrc, ntp: 1, rtp_ticks: 0 };
            vec![(None, "rtcp", Fact::Clock(clock))]
        }
        Says::Reported { ssrc, lost, highest } => {
            let report = ReceiverReport {
                ssrc: *ssrc,
                fraction_lost: 0,
                lost: *lost,
                highest_sequence: *highest,
                jitter_ticks: 0,
            };
            vec![(None, "rtcp", Fact::ReceiverReport(report))]
        }
        Says::Ended => vec![(None, "rtsp", Fact::StreamEnded { ssrc: None, by: Ended::Teardown })],
    }
}

/// A BPDU tells the tree, and that it changes.
fn tree(bpdu: &Bpdu) -> Vec<Fact> {
    let id = |bridge: &stp::Bridge| BridgeId { priority: bridge.0, mac: Mac(bridge.1.0) };
    let seconds = |s: u8| Span::seconds(i64::from(s));
    let flags = PortFlags(bpdu.flags);
    let bridge = Fact::Bridge(Box::new(Bridge {
        version: RAPID,
        vlan: None,
        root: id(&bpdu.root),
        root_cost: bpdu.root_cost,
        bridge: id(&bpdu.bridge),
        port: bpdu.port,
        flags,
        message_age: seconds(bpdu.message_age_s),
        max_age: seconds(bpdu.max_age_s),
        hello: seconds(bpdu.hello_s),
        forward_delay: seconds(bpdu.forward_delay_s),
        region: None,
    }));
    let change = flags.is_topology_change().then_some(Fact::TopologyChange { vlan: None });
    std::iter::once(bridge).chain(change).collect()
}

fn notice(trap: Trap) -> Notice {
    let (kind, interface) = match trap {
        Trap::ColdStart => (NoticeKind::ColdStart, None),
        Trap::Link(port, true) => (NoticeKind::LinkUp, Some(port)),
        Trap::Link(port, false) => (NoticeKind::LinkDown, Some(port)),
    };
    Notice {
        kind,
        interface: interface.map(u32::from),
        is_enabled: interface.map(|_| true),
        ..Notice::default()
    }
}

/// What a machine calls itself, and what our fingerprints make of it.
fn labelled(key: Key, value: &str) -> Vec<Fact> {
    let mut labels = Vec::new();
    Fingerprints::builtin().labels(key, value, &mut labels);
    let said = Fact::Attribute { key, value: Text::from(value) };
    std::iter::once(said).chain(labels.into_iter().map(Fact::Label)).collect()
}

/// A DHCP message is about the client; a server's also shows the server, and may name a router.
fn leased(says: &Says) -> Vec<(Named, &'static str, Fact)> {
    let Says::Leased { message, mac, own, ip, router, server, lease_s, transaction } = says else {
        return Vec::new();
    };
    let given = ip.filter(|_| *message == ACK);
    let about = Some((Some(Mac(mac.0)), given.or(*own)));
    let by = if *message == ACK { BindingBy::Lease } else { BindingBy::Claim };
    let bound = given.or(own.filter(|_| *message == REQUEST));
    let lease = Lease {
        message: *message,
        server: *server,
        address: *ip,
        lease_s: *lease_s,
        relay: None,
        transaction: *transaction,
    };
    let mut facts: Vec<_> =
        bound.map(|ip| (about, "dhcp", Fact::Binding { mac: Mac(mac.0), ip, by })).into_iter().collect();
    facts.push((about, "dhcp", Fact::Lease(Box::new(lease))));
    if matches!(*message, OFFER | ACK) {
        facts.push((None, "dhcp", Fact::Service { protocol: "dhcp" }));
    }
    facts.extend(router.map(|ip| (Some((None, Some(ip))), "dhcp", Fact::Router)));
    facts
}

fn activity(heard: &Heard) -> Activity {
    Activity {
        flow: heard.flow,
        protocol: None,
        first: Time(heard.first),
        first_frame: (0, 0),
        last: Time(heard.last),
        packets: heard.packets,
        bytes: heard.bytes,
        longest_gap: Span(heard.longest_gap),
        stamp: heard.stamp,
    }
}

fn stream(sight: &Sight, media: &Media) -> StreamActivity {
    let destination = sight.to.ip.expect("media goes to an address");
    StreamActivity {
        stream: (media.stream, 0),
        transport: transport(media.is_interleaved, destination),
        destination,
        ports: (sight.from.port, sight.to.port),
        channel: media.is_interleaved.then_some(0),
        ssrc: media.ssrc,
        payload_type: media.payload_type,
        first: Time(media.first),
        first_frame: (0, 0),
        last: Time(media.last),
        packets: media.packets,
        bytes: media.bytes,
        lost: media.lost,
        sequence: media.sequence,
        out_of_order: 0,
        duplicates: 0,
        frames: u32::try_from(media.packets).unwrap_or(u32::MAX),
        jitter_16ticks: 0,
        longest_gap: Span(media.longest_gap),
    }
}

fn transport(is_interleaved: bool, destination: IpAddr) -> StreamTransport {
    match (is_interleaved, destination.is_multicast()) {
        (true, _) => StreamTransport::Interleaved,
        (false, true) => StreamTransport::Multicast,
        (false, false) => StreamTransport::Udp,
    }
}

/// The first and the last frame of some sights, and how many there are.
fn extent(second: &[Sight]) -> Option<(i64, i64, u64)> {
    let of = |sight: &Sight| match &sight.what {
        What::Said(_) => (sight.at, sight.at, 1),
        What::Heard(heard) => (heard.first, heard.last, heard.packets),
        What::Media(media) => (media.first, media.last, 0),
        What::Copied(_) => (sight.at, sight.at, 0),
    };
    second.iter().map(of).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1), a.2 + b.2))
}

/// IP protocol number.
const TCP: u8 = 6;
/// DHCP message types (RFC 2132, 9.6).
const OFFER: u8 = 2;
const REQUEST: u8 = 3;
const ACK: u8 = 5;
/// Version of a rapid BPDU.
const RAPID: u8 = 2;
/// The bridge's bit among the capabilities (IEEE 802.1AB-2016, table 8-4).
const BRIDGE: u16 = 1 << 2;
const MINUTE: i64 = 60 * SECOND;
/// More frames than it takes to believe a clock that was set back.
const FRAMES_TO_BELIEVE: u64 = 20;
