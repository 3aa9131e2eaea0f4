//! The flows of a shard: [`Flows`].
//!
//! TCP connections and all others have a table each, so that a flood of datagrams
//! cannot push out a connection. Openings that nobody answers and connections that
//! ended leave before their time. What a flow sent since the last tick outlives it.

use std::collections::VecDeque;
use std::net::IpAddr;

use spanwatch_parsers::{About, Fact, Mac, Span, Time, Way};

use super::counts::Counts;
use super::ip::ports;
use super::{Parties, message};
use crate::ahead::fetch;
use crate::bounded::Table;
use crate::dispatch::App;
use crate::flow::{Counted, Flow, Head, Key, NOT_LISTED, Sum};
use crate::hearing::{Hearing, SOURCE, talk};
use crate::observation::{Cite, Party};
use crate::peel::Layers;
use crate::scribe::{Scribe, Talk};
use crate::slots::Slots;
use crate::tcp::Listening;

/// The flows of a shard.
#[derive(Debug)]
pub struct Flows {
    connections: Table<Flow>,
    others: Table<Flow>,
    /// In pieces, of which a tick leaves one: it is much only while a site is switched on.
    active: Slots<Active>,
    gone: Slots<Gone>,
    unsummed: u64,
    closed: VecDeque<Review>,
    embryonic: VecDeque<Review>,
    young: VecDeque<Review>,
    /// The same, of what is said to all: it has no answer in its flow.
    calls: VecDeque<Review>,
    waiting: Vec<(Handle, u64)>,
    /// Bytes that all connections hold.
    pub held: usize,
    /// How the connections went that are no more.
    pub ended: Counts,
}

/// Where a flow stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Handle {
    is_tcp: bool,
    slot: u32,
}

/// By what the flow of a packet is found.
#[derive(Debug, Clone, Copy)]
pub struct Sought {
    /// Its key.
    pub key: Key,
    /// Whether the sender is the lower end.
    pub from_low: bool,
    /// The sender's port and the receiver's.
    pub ports: (u16, u16),
    /// Where it seemed to stand when that was looked up ahead.
    pub slot: Option<u32>,
}

/// What both sides of a flow sent since the last tick.
#[derive(Debug)]
struct Active {
    handle: Handle,
    sums: [Sum; 2],
}

/// What a flow that is no more had sent since the last tick.
#[derive(Debug)]
struct Gone {
    talk: Talk,
    cite: Cite,
    flow: u64,
    protocol: Option<&'static str>,
    sum: Sum,
}

/// A flow to be looked at again.
#[derive(Debug, Clone, Copy)]
struct Review {
    due: Time,
    slot: u32,
    /// The lower half of the flow's number: another may stand in its slot by now.
    number: u32,
}

impl Flows {
    /// No flows.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            connections: Table::new(CONNECTIONS_MAX, CONNECTION_IDLE, seed),
            others: Table::new(OTHERS_MAX, OTHER_IDLE, seed),
            active: Slots::default(),
            gone: Slots::default(),
            unsummed: 0,
            closed: VecDeque::new(),
            embryonic: VecDeque::new(),
            young: VecDeque::new(),
            calls: VecDeque::new(),
            waiting: Vec::new(),
            held: 0,
            ended: Counts::default(),
        }
    }

    /// Caps and how often they were reached since it was made.
    #[must_use]
    pub const fn losses(&self) -> [(&'static str, usize, u64); 3] {
        [
            ("connections", CONNECTIONS_MAX, self.connections.evicted()),
            ("flows", OTHERS_MAX, self.others.evicted()),
            ("sums of flows", GONE_MAX, self.unsummed),
        ]
    }

    /// Looks ahead where a flow stands, and fetches where it begins.
    pub fn foresee(&self, sought: &mut Sought) {
        let slot = self.table_of(sought).foresee(&sought.key);
        sought.slot = slot.and_then(|slot| u32::try_from(slot).ok());
    }

    /// Fetches the rest of it.
    pub fn foresee_more(&self, sought: &Sought) {
        if let Some(flow) = self.foreseen(sought) {
            flow.foresee();
        }
    }

    /// Fetches its sums and who reads it; tells where the stream of its last media stood.
    pub fn foresee_all(&self, sought: &Sought) -> Option<u32> {
        let flow = self.foreseen(sought)?;
        if let Some(Active { sums: [orig, resp], .. }) = self.active.get(flow.head.listed as usize) {
            fetch(orig);
            fetch(resp);
        }
        if let Some(tcp) = flow.tcp() {
            tcp.reading.foresee();
        }
        Some(flow.head.stream)
    }

    fn foreseen(&self, sought: &Sought) -> Option<&Flow> {
        self.table_of(sought).look(sought.slot? as usize)
    }

    fn table_of(&self, sought: &Sought) -> &Table<Flow> {
        if sought.key.is_tcp() { &self.connections } else { &self.others }
    }

    /// Finds the flow of a packet from `sender`.
    #[must_use]
    pub fn find(&self, sought: &Sought, sender: &Party) -> Option<Handle> {
        let Sought { key, from_low, slot, .. } = sought;
        let is_tcp = key.is_tcp();
        let handle = |slot: usize| Handle { is_tcp, slot: u32::try_from(slot).unwrap_or(u32::MAX) };
        let table = self.table_of(sought);
        let standing = |slot: u32| Some((slot as usize, table.look(slot as usize)?));
        let (slot, flow) = match slot.and_then(standing).filter(|(_, flow)| flow.head.key == *key) {
            Some(ahead) => ahead,
            None => {
                let slot = table.find(key)?;
                (slot, table.look(slot)?)
            }
        };
        let way = flow.head.way(*from_low);
        let is_rival = flow.head.contradicts(way, sender);
        let may_be_rivals = flow.head.has_rivals && flow.head.side(way).vlan != sender.vlan;
        if is_rival || may_be_rivals {
            if let Some(slot) = table.find(&key.in_segment(sender.vlan)) {
                return Some(handle(slot));
            }
            if is_rival {
                return None;
            }
        }
        Some(handle(slot))
    }

    /// Puts a new flow in; what had to go for it is given back.
    pub fn insert(&mut self, mut flow: Flow, sender: &Party, at: Time) -> (Handle, Option<Flow>) {
        let key = flow.head.key;
        let is_tcp = key.is_tcp();
        let table = self.table(is_tcp);
        let rival = table.find(&key).and_then(|slot| table.at(slot));
        let is_rival = rival.is_some();
        if let Some(rival) = rival {
            rival.head.has_rivals = true;
            flow.head.key = key.in_segment(sender.vlan);
        }
        let is_full = !is_tcp && self.others.len() >= self.others.capacity();
        let answered = if is_full { self.answered(at) } else { None };
        let table = self.table(is_tcp);
        let (slot, gone) = if is_rival { table.put(flow, at) } else { table.add(flow, at) };
        let handle = Handle { is_tcp, slot: u32::try_from(slot).unwrap_or(u32::MAX) };
        (handle, answered.or(gone))
    }

    /// Takes out the oldest call, or question that has had its answer: that is no loss.
    #[cold]
    fn answered(&mut self, now: Time) -> Option<Flow> {
        let mut fresh = 0;
        loop {
            let call = self.calls.pop_front();
            let review = call.or(self.young.get(fresh).copied()).filter(|_| fresh < FRESH_MAX)?;
            let head = self.others.at(review.slot as usize).map(|flow| &flow.head);
            let last = head.filter(|head| head.number as u32 == review.number).map(Head::last);
            let is_question = last.is_some_and(|last| last <= review.due - YOUNG_FOR + QUESTION_FOR);
            if call.is_none() && is_question && last > Some(now - ANSWERED_FOR) {
                fresh = fresh.saturating_add(1);
                continue;
            }
            if call.is_none() {
                self.young.remove(fresh);
            }
            if is_question {
                return self.others.take(review.slot as usize);
            }
        }
    }

    /// A flow, in use at `at`.
    pub fn get(&mut self, handle: Handle, at: Time) -> Option<&mut Flow> {
        self.table(handle.is_tcp).touch(handle.slot as usize, at)
    }

    /// Takes a flow out.
    pub fn take(&mut self, handle: Handle) -> Option<Flow> {
        self.table(handle.is_tcp).take(handle.slot as usize)
    }

    /// The flow of a frame from its lower end or its higher, in use and with the frame counted.
    pub fn count(
        &mut self,
        handle: Handle,
        from_low: bool,
        parties: &Parties<'_>,
        frame: &Counted,
    ) -> Option<&mut Flow> {
        let Self { connections, others, active, .. } = self;
        let table = if handle.is_tcp { connections } else { others };
        let flow = table.touch(handle.slot as usize, frame.at)?;
        let way = flow.head.way(from_low);
        if flow.head.listed == NOT_LISTED && active.len() < ACTIVE_MAX {
            flow.head.listed = u32::try_from(active.len()).unwrap_or(NOT_LISTED);
            active.push(Active { handle, sums: [Sum::default(); 2] });
        }
        let mut unsummed = Sum::default();
        let sum = match active.get_mut(flow.head.listed as usize) {
            Some(active) => active.sum(way),
            None => {
                self.unsummed = self.unsummed.saturating_add(1);
                &mut unsummed
            }
        };
        flow.head.count(way, (&parties.sender, || parties.receiver()), frame, sum);
        Some(flow)
    }

    /// Remembers to give up the holes of a connection in time.
    pub fn wait(&mut self, handle: Handle, number: u64) {
        if self.waiting.len() < CONNECTIONS_MAX {
            self.waiting.push((handle, number));
        }
    }

    /// The connections that wait for missing bytes.
    pub fn take_waiting(&mut self) -> Vec<(Handle, u64)> {
        std::mem::take(&mut self.waiting)
    }

    /// Remembers to forget a connection that ended.
    pub fn review_closed(&mut self, handle: Handle, number: u64, at: Time) {
        push(&mut self.closed, Review { due: at + CLOSED_FOR, slot: handle.slot, number: number as u32 });
    }

    /// Remembers to forget an opening that nobody answers.
    pub fn review_embryonic(&mut self, handle: Handle, number: u64, at: Time) {
        push(
            &mut self.embryonic,
            Review { due: at + EMBRYONIC_FOR, slot: handle.slot, number: number as u32 },
        );
    }

    /// Remembers to forget a flow of datagrams if it was a question and its answer, or a call to all.
    pub fn review_young(&mut self, handle: Handle, number: u64, at: Time, is_to_all: bool) {
        push(
            if is_to_all { &mut self.calls } else { &mut self.young },
            Review { due: at + YOUNG_FOR, slot: handle.slot, number: number as u32 },
        );
    }

    /// Takes out one flow whose time is over; call it until it says `None`.
    pub fn expire(&mut self, now: Time) -> Option<Flow> {
        while let Some(review) = pop_due(&mut self.closed, now) {
            let slot = review.slot as usize;
            if let Some(flow) = self.connections.at(slot)
                && flow.head.number as u32 == review.number
            {
                return self.connections.take(slot);
            }
        }
        while let Some(review) = pop_due(&mut self.embryonic, now) {
            let slot = review.slot as usize;
            if let Some(flow) = self.connections.at(slot)
                && flow.head.number as u32 == review.number
                && flow.tcp().is_some_and(|tcp| tcp.connection.is_embryonic())
            {
                let due = flow.head.last() + EMBRYONIC_FOR;
                if due <= now {
                    return self.connections.take(slot);
                }
                push(&mut self.embryonic, Review { due, ..review });
            }
        }
        while let Some(review) = {
            let [call, young] = [&self.calls, &self.young].map(|it| it.front().map(|it| (it.due, it.number)));
            let is_call = call.is_some() && (young.is_none() || call < young);
            pop_due(if is_call { &mut self.calls } else { &mut self.young }, now)
        } {
            let slot = review.slot as usize;
            if let Some(flow) = self.others.at(slot)
                && flow.head.number as u32 == review.number
                && flow.head.last() <= now - YOUNG_FOR + QUESTION_FOR
            {
                return self.others.take(slot);
            }
        }
        self.connections.expire(now).or_else(|| self.others.expire(now))
    }

    /// Takes out any flow, the oldest first.
    pub fn pop(&mut self) -> Option<Flow> {
        self.connections.pop_oldest().or_else(|| self.others.pop_oldest())
    }

    /// Parts with a flow that was taken out: its sums are kept, its session has the last word.
    pub fn part_with(&mut self, mut flow: Flow, hearing: &mut Hearing<'_, '_>) {
        self.held = self.held.saturating_sub(flow.tcp().map_or(0, |tcp| tcp.held as usize));
        self.bury(&flow);
        self.ended.ended(&flow);
        if let Flow { head, app: App::Segments(tcp) } = &mut flow {
            let mut listening = Listening { reading: &mut tcp.reading, head, hearing };
            tcp.connection.give_all_up(&mut listening);
            listening.end();
        }
        message::end(&mut flow, hearing);
    }

    /// Keeps what a flow that is no more had sent since the last tick.
    fn bury(&mut self, flow: &Flow) {
        let Some(active) = self.active.get(flow.head.listed as usize) else { return };
        for (way, sum) in [Way::Orig, Way::Resp].into_iter().zip(active.sums) {
            let side = flow.head.side(way);
            if sum.packets == 0 {
                continue;
            }
            if self.gone.len() >= GONE_MAX {
                self.unsummed = self.unsummed.saturating_add(1);
                continue;
            }
            self.gone.push(Gone {
                talk: talk(&flow.head, way, SOURCE),
                cite: side.cite,
                flow: flow.head.number,
                protocol: flow.head.protocol.copied(),
                sum,
            });
        }
    }

    /// Writes what each side of each flow sent since the last tick: flows that are no more, then the
    /// others in the order in which they spoke.
    pub fn sum(&mut self, scribe: &mut Scribe<'_>) {
        for gone in std::mem::take(&mut self.gone) {
            let activity = gone.sum.activity(gone.flow, gone.protocol);
            scribe.write_at(gone.cite, &gone.talk, About::Sender, Fact::Activity(activity));
        }
        let Self { connections, others, active, .. } = self;
        for (place, Active { handle, sums }) in (0_u32..).zip(active.iter()) {
            if place % AHEAD == 0 {
                for Active { handle, .. } in
                    (place..).take(AHEAD as usize).map_while(|it| active.get(it as usize))
                {
                    let table = if handle.is_tcp { &*connections } else { &*others };
                    if let Some(flow) = table.look(handle.slot as usize) {
                        flow.foresee();
                    }
                }
            }
            let table = if handle.is_tcp { &mut *connections } else { &mut *others };
            // Its slot may be another's by now, or nobody's.
            let flow = table.at(handle.slot as usize);
            let Some(flow) = flow.filter(|flow| flow.head.listed == place) else { continue };
            flow.head.listed = NOT_LISTED;
            for (way, sum) in [Way::Orig, Way::Resp].into_iter().zip(sums) {
                if sum.packets > 0 {
                    let talk = talk(&flow.head, way, SOURCE);
                    let activity = sum.activity(flow.head.number, flow.head.protocol.copied());
                    let cite = flow.head.side(way).cite;
                    scribe.write_at(cite, &talk, About::Sender, Fact::Activity(activity));
                    let App::Segments(tcp) = &mut flow.app else { continue };
                    let segments = tcp.connection.sum(way, scribe.at());
                    if let Some(segments) = segments.filter(|it| it.carrying >= CARRYING_MIN || it.unseen > 0)
                    {
                        scribe.write_at(cite, &talk, About::Sender, Fact::Segments(segments));
                    }
                }
            }
        }
        active.clear();
    }

    fn table(&mut self, is_tcp: bool) -> &mut Table<Flow> {
        if is_tcp { &mut self.connections } else { &mut self.others }
    }
}

impl Sought {
    /// The flow of a whole IP packet; `None` of all else.
    #[must_use]
    pub fn of_packet(layers: &Layers, bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.get(layers.transport_at as usize..layers.end as usize).unwrap_or_default();
        let ips = layers.ips.filter(|_| layers.fragment.is_none())?;
        Some(Self::of(ips, ports(layers.protocol, bytes), layers.protocol, layers.source_mac))
    }

    /// The flow of a packet between two addresses; `source_mac` stands for a sender without one.
    #[must_use]
    pub fn of(ips: (IpAddr, IpAddr), ports: (u16, u16), protocol: u8, source_mac: Option<Mac>) -> Self {
        let (key, from_low) = Key::ip(ips, ports, protocol, source_mac);
        Self { key, from_low, ports, slot: None }
    }

    /// The flow of a frame without IP.
    #[must_use]
    pub const fn of_link(key: Key) -> Self {
        Self { key, from_low: true, ports: (0, 0), slot: None }
    }
}

impl Active {
    const fn sum(&mut self, way: Way) -> &mut Sum {
        let [orig, resp] = &mut self.sums;
        match way {
            Way::Orig => orig,
            Way::Resp => resp,
        }
    }
}

/// Adds a review; where there are too many the first comes due at once.
fn push(reviews: &mut VecDeque<Review>, review: Review) {
    if reviews.len() == reviews.capacity() {
        reviews.reserve_exact(REVIEWS_MORE);
    }
    reviews.push_back(review);
    if reviews.len() > REVIEWS_MAX
        && let Some(first) = reviews.front_mut()
    {
        first.due = Time::MIN;
    }
}

fn pop_due(reviews: &mut VecDeque<Review>, now: Time) -> Option<Review> {
    let is_due = reviews.front().is_some_and(|review| review.due <= now);
    if is_due { reviews.pop_front() } else { None }
}

/// Of one shard: a recorder of 1,000 cameras has some thousands in all.
pub const CONNECTIONS_MAX: usize = 4_096;

/// Hosts that keep a silent connection alive do so every two hours (RFC 9293, 3.8.4).
const CONNECTION_IDLE: Span = Span::seconds(7_500);

/// Of one shard: questions to a busy DNS server, and all that goes on for longer.
pub const OTHERS_MAX: usize = 3_072;
const OTHER_IDLE: Span = Span::seconds(180);

/// A flow of which nothing was heard after its first seconds was a question, and its answer.
const YOUNG_FOR: Span = Span::seconds(30);
const QUESTION_FOR: Span = Span::seconds(5);

/// An answer comes within this time: where there is no room, a question may then be forgotten.
const ANSWERED_FOR: Span = Span::seconds(1);

/// Questions younger than that which are passed over in search of an older one.
const FRESH_MAX: usize = 16;

/// Segments that were under way when a connection ended still come.
const CLOSED_FOR: Span = Span::seconds(5);

/// Hosts try again after 1, 2, 4 … 32 s.
const EMBRYONIC_FOR: Span = Span::seconds(65);

/// Reviews in waiting: each connection may have ended and begun anew.
const REVIEWS_MAX: usize = 4 * CONNECTIONS_MAX;

/// Room for so many is made at a time.
const REVIEWS_MORE: usize = 512;

/// Segments with bytes in one second that are told of: of a few nothing can be learned.
const CARRYING_MIN: u64 = 8;

/// Flows looked at before the first of them is summed.
const AHEAD: u32 = 16;

/// Flows summed at one tick: with so many, others came and went in their places.
const ACTIVE_MAX: usize = 4 * OTHERS_MAX;

/// Sums of flows that are no more, waiting for the tick.
pub const GONE_MAX: usize = 8_192;
