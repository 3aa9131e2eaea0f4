//! TCP as hosts speak it: handshake, segments, acknowledgements, retransmission, reset (RFC 9293, RFC 6298).
//!
//! What goes well is done at once, with the times that it takes. Only what is lost waits for its timer.

use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::rc::Rc;

use super::link::Sent;
use super::pull::JobId;
use super::{Event, StreamId, THINKING, World};
use crate::fabric::HostId;
use crate::frame::{Data, Transport};
use crate::options::{MILLISECOND, SECOND};
use crate::sight::Says;
use crate::sums::Frames;
use crate::tap::Past;
use crate::wire::tcp::{ACK, FIN, PSH, RST, SYN, Segment};

/// A connection, by its place in the world's list.
pub type ConnectionId = usize;

/// An end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Who opened it.
    Client,
    /// The other.
    Server,
}

impl Side {
    pub(super) const fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// Why a connection is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Nobody answered.
    Timeout,
    /// The neighbour was not found.
    Unreachable,
    /// The other side refused or reset it.
    Reset,
    /// The other side closed it.
    Finished,
}

/// What a delivered message means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Note {
    /// Nothing in particular.
    Nothing,
    /// The next step of the script is due after so many nanoseconds.
    Next(i64),
    /// The script is over; the client closes.
    Done,
    /// The camera has been told to play.
    Playing,
    /// A poll was answered.
    Polled,
    /// One side closed.
    Fin,
}

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A recorder's or a viewer's session.
    Pull(JobId),
    /// A host link to a door controller.
    Panel(usize),
    /// One conversation.
    Once,
}

/// One message of a script.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub by: Side,
    pub data: Data,
    pub says: Vec<Says>,
    pub note: Note,
}

/// A connection.
#[derive(Debug)]
pub(super) struct Connection {
    pub generation: u32,
    pub purpose: Purpose,
    pub script: VecDeque<Step>,
    state: State,
    ends: [End; 2],
    /// How many openings the mirror showed.
    openings_shown: u16,
    /// When the client gives up opening it.
    patience: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Opening(u16),
    Open,
    Closed,
}

#[derive(Debug)]
struct End {
    host: HostId,
    ip: Ipv4Addr,
    port: u16,
    epoch: u32,
    /// The other side's process is gone: whatever comes is answered with RST.
    is_lost: bool,
    /// Sequence number of the next new byte.
    next: u32,
    /// What the other side has received in order.
    delivered: u32,
    queue: VecDeque<Part>,
    queued: usize,
    attempt: u16,
    again_at: Option<i64>,
    has_sent_fin: bool,
    /// Its receive window, in units of 128 bytes.
    window: u16,
}

#[derive(Debug)]
struct Part {
    sequence: u32,
    data: Data,
    is_sent: bool,
    is_received: bool,
    is_fin: bool,
    is_last: bool,
    note: Note,
    says: Vec<Says>,
    /// How many times the mirror showed it.
    shown: u16,
    /// RTP packets in it.
    media: Option<Packets>,
    past: Past,
}

/// Segments of one burst, and what answers them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Segments {
    pub sent: u64,
    pub bytes: u64,
    pub answers: u64,
    pub bytes_of_answers: u64,
}

/// RTP packets of a stream in one segment.
#[derive(Debug, Clone, Copy)]
struct Packets {
    stream: StreamId,
    /// How many end in it.
    ended: u64,
    /// How many headers end in it, and the bytes of these packets.
    begun: u64,
    bytes: u64,
    /// Whether the first of these headers began in the segment before.
    is_cut: bool,
}

impl Part {
    fn length(&self) -> u32 {
        self.data.len() as u32 + u32::from(self.is_fin)
    }
}

impl World<'_> {
    /// Opens a connection.
    pub(super) fn open(
        &mut self,
        at: i64,
        client: HostId,
        server: (Ipv4Addr, u16),
        purpose: Purpose,
        script: VecDeque<Step>,
    ) -> ConnectionId {
        let port = self.hosts[client].port();
        let host = self.owners.get(&server.0).and_then(|owners| owners.first()).copied().unwrap_or(client);
        let end = |world: &mut Self, host: HostId, ip: Ipv4Addr, port: u16| End {
            host,
            ip,
            port,
            epoch: world.hosts[host].epoch,
            is_lost: false,
            next: world.hosts[host].random.bits() as u32,
            delivered: 0,
            queue: VecDeque::new(),
            queued: 0,
            attempt: 0,
            again_at: None,
            has_sent_fin: false,
            window: 501,
        };
        let ip = self.hosts[client].ip;
        let ends = [end(self, client, ip, port), end(self, host, server.0, server.1)];
        let state = State::Opening(0);
        let patience = at + CONNECT_TIMEOUT;
        let id = if let Some(id) = self.idle_connections.pop() {
            let generation = self.connections[id].generation;
            self.connections[id] =
                Connection { generation, purpose, script, state, ends, openings_shown: 0, patience };
            id
        } else {
            let generation = 1;
            self.connections.push(Connection {
                generation,
                purpose,
                script,
                state,
                ends,
                openings_shown: 0,
                patience,
            });
            self.connections.len() - 1
        };
        self.syn(at, id);
        id
    }

    /// Whether a connection is still the one that was opened.
    pub(super) fn is_open(&self, id: ConnectionId, generation: u32) -> bool {
        let connection = &self.connections[id];
        connection.generation == generation && connection.state == State::Open
    }

    pub(super) fn generation(&self, id: ConnectionId) -> u32 {
        self.connections[id].generation
    }

    /// The ports of a connection: the client's and the server's.
    pub(super) fn ports(&self, id: ConnectionId) -> (u16, u16) {
        let [client, server] = &self.connections[id].ends;
        (client.port, server.port)
    }

    /// Sends a SYN, and does the rest of the handshake if it gets through.
    pub(super) fn syn(&mut self, at: i64, id: ConnectionId) {
        let connection = &mut self.connections[id];
        let generation = connection.generation;
        let State::Opening(attempt) = connection.state else { return };
        if at >= connection.patience {
            self.agenda.at(at, Event::Closed(id, generation, Why::Timeout));
            return;
        }
        let [client, server] = &connection.ends;
        if self.hosts[client.host].epoch != client.epoch {
            self.free(id);
            return;
        }
        let (from, own, to, ports) = (client.host, client.ip, server.ip, (client.port, server.port));
        let segment = Segment {
            ports,
            sequence: client.next,
            flags: SYN,
            window: 64_240,
            offer: Some((MSS, 7)),
            stamps: Some((self.stamp(at, from), 0)),
            ..Segment::default()
        };
        let says = [Says::Opening(self.connections[id].openings_shown + 1)];
        let sent = self.send_ip(at, (from, own), to, &Transport::Tcp(segment, Data::Empty), &says);
        self.connections[id].openings_shown += u16::from(sent.past().is_shown());
        match sent {
            Sent::Arrives(then, host, _) => {
                self.set_attempt(id, attempt + 1);
                self.accept(then, id, host);
            }
            Sent::Lost(_) => {
                self.set_attempt(id, attempt + 1);
                self.agenda.at(at + (SECOND << attempt.min(6)), Event::SynAgain(id, generation));
            }
            Sent::Waits => self.wait_for(from, to, id, generation),
        }
    }

    fn set_attempt(&mut self, id: ConnectionId, attempt: u16) {
        self.connections[id].state = State::Opening(attempt);
    }

    fn accept(&mut self, at: i64, id: ConnectionId, host: HostId) {
        let connection = &mut self.connections[id];
        let generation = connection.generation;
        let State::Opening(attempt) = connection.state else { return };
        let [client, server] = &mut connection.ends;
        server.host = host;
        server.epoch = self.hosts[host].epoch;
        let (ports, asked) = ((server.port, client.port), client.next.wrapping_add(1));
        let (back_to, sequence, client_host) = (client.ip, server.next, client.host);
        let answers = at + 80_000;
        let is_served = self.is_ready(host) && self.hosts[host].serves && self.listens(host, ports.0);
        let stamps = Some((self.stamp(at, host), self.stamp(at, client_host)));
        let (segment, says) = if is_served {
            let flags = SYN | ACK;
            let offer = Some((MSS, 7));
            let segment = Segment {
                ports,
                sequence,
                acknowledgement: asked,
                flags,
                window: 65_160,
                offer,
                stamps,
                sack: None,
            };
            (segment, Vec::new())
        } else {
            let segment = Segment {
                ports,
                sequence: 0,
                acknowledgement: asked,
                flags: RST | ACK,
                ..Segment::default()
            };
            (segment, vec![Says::Refused])
        };
        let own = self.connections[id].ends[1].ip;
        let sent = self.send_ip(answers, (host, own), back_to, &Transport::Tcp(segment, Data::Empty), &says);
        let Sent::Arrives(back, ..) = sent else {
            // The server may first have to ask who the client is; the client tries again.
            self.agenda.at(at + (SECOND << (attempt - 1).min(6)), Event::SynAgain(id, generation));
            return;
        };
        self.confirm(back, client_host, self.connections[id].ends[1].ip);
        if !is_served {
            self.agenda.at(back, Event::Closed(id, generation, Why::Reset));
            return;
        }
        let connection = &mut self.connections[id];
        connection.state = State::Open;
        let [client, server] = &mut connection.ends;
        client.next = client.next.wrapping_add(1);
        server.next = server.next.wrapping_add(1);
        client.delivered = client.next;
        server.delivered = server.next;
        self.acknowledge(back + 30_000, id, Side::Client, None);
        self.agenda.at(back + 60_000, Event::Opened(id, generation));
    }

    /// Whether a host has a service on this port.
    fn listens(&self, host: HostId, port: u16) -> bool {
        use crate::site::Role;
        match self.site.hosts[host].role {
            Role::Camera => matches!(port, 80 | 443 | 554),
            Role::Controller => matches!(port, 443 | 3001),
            Role::Intercom => matches!(port, 80 | 443),
            Role::Recorder | Role::Vms | Role::AccessServer => matches!(port, 80 | 443 | 8_000 | 22),
            Role::Printer => matches!(port, 80 | 631 | 9_100),
            Role::Switch(_) | Role::Gateway => matches!(port, 22 | 443),
            Role::Internet => matches!(port, 80 | 443 | 853),
            Role::Workstation | Role::Viewer => false,
        }
    }

    pub(super) fn opened(&mut self, at: i64, id: ConnectionId) {
        if self.connections[id].state == State::Open {
            self.step(at, id);
        }
    }

    /// Catches up with the media inside a connection: what comes now comes behind it.
    pub(super) fn settle_connection(&mut self, at: i64, id: ConnectionId) {
        if let Purpose::Pull(job) = self.connections[id].purpose {
            self.settle_job(at, job);
        }
    }

    /// Sends the next message of the script, behind all media that came before it.
    pub(super) fn step(&mut self, at: i64, id: ConnectionId) {
        self.settle_connection(at, id);
        if let Some(step) = self.connections[id].script.pop_front() {
            self.say(at, id, step);
        }
    }

    /// Sends a message.
    pub(super) fn say(&mut self, at: i64, id: ConnectionId, step: Step) {
        self.say_media(at, id, step, None);
    }

    /// Sends a message that is made of a stream's RTP packets of these lengths, each behind a head of four bytes.
    pub(super) fn say_media(
        &mut self,
        at: i64,
        id: ConnectionId,
        step: Step,
        media: Option<(StreamId, &[usize])>,
    ) {
        let Step { by, data, says, note } = step;
        let end = self.end(id, by);
        if end.has_sent_fin {
            return;
        }
        let whole = data.len();
        let mut from = 0;
        let mut says = says;
        let lengths = media.map_or(&[][..], |(_, lengths)| lengths);
        let (mut ended, mut begun) = ((0, 0), (0, 0));
        while from < whole {
            let length = (whole - from).min(usize::from(MSS_DATA));
            let is_last = from + length == whole;
            let media = media.map(|(stream, _)| {
                let mut packets = Packets { stream, ended: 0, begun: 0, bytes: 0, is_cut: begun.1 < from };
                // Each index of a packet, and where that begins.
                while let Some(packet) = lengths.get(ended.0).filter(|it| ended.1 + **it + 4 <= from + length)
                {
                    ended = (ended.0 + 1, ended.1 + packet + 4);
                    packets.ended += 1;
                }
                while let Some(packet) = lengths.get(begun.0).filter(|_| begun.1 + HEADERS <= from + length) {
                    begun = (begun.0 + 1, begun.1 + packet + 4);
                    (packets.begun, packets.bytes) = (packets.begun + 1, packets.bytes + *packet as u64);
                }
                packets
            });
            let part = Part {
                sequence: end.next,
                data: cut(&data, from, from + length),
                is_sent: false,
                is_received: false,
                is_fin: false,
                is_last,
                note: if is_last { note } else { Note::Nothing },
                says: std::mem::take(&mut says),
                shown: 0,
                media,
                past: Past::Apart,
            };
            end.next = end.next.wrapping_add(length as u32);
            end.queued += length;
            end.queue.push_back(part);
            from += length;
        }
        self.pump(at, id, by);
    }

    /// Whether one side has not closed its half.
    pub(super) fn can_say(&self, id: ConnectionId, side: Side) -> bool {
        !self.connections[id].ends[side as usize].has_sent_fin
    }

    /// Bytes that one side has not got through yet.
    pub(super) fn backlog(&self, id: ConnectionId, side: Side) -> usize {
        self.connections[id].ends[side as usize].queued
    }

    /// Whether what one side sends now would be received and acknowledged at once, no other host asked.
    pub(super) fn flows_freely(&self, id: ConnectionId, side: Side, at: i64) -> bool {
        let connection = &self.connections[id];
        let (own, other) = (&connection.ends[side as usize], &connection.ends[side.other() as usize]);
        let knows = |one: &End, two: &End| self.knows(one.host, two.ip, two.host, at);
        connection.state == State::Open
            && own.queue.is_empty()
            && own.again_at.is_none()
            && !own.has_sent_fin
            && !other.is_lost
            && self.hosts[other.host].epoch == other.epoch
            && self.hosts[own.host].is_up
            && self.hosts[other.host].is_up
            && knows(own, other)
            && knows(other, own)
    }

    /// Lets so many bytes of one side through that nobody wants to see: what they take.
    pub(super) fn pass(&mut self, id: ConnectionId, side: Side, bytes: usize) -> Segments {
        let end = self.end(id, side);
        end.next = end.next.wrapping_add(bytes as u32);
        end.delivered = end.next;
        let sent = bytes.div_ceil(usize::from(MSS_DATA)) as u64;
        let answers = sent.div_ceil(2);
        Segments {
            sent,
            bytes: bytes as u64 + sent * HEADERS_BEFORE_DATA,
            answers,
            bytes_of_answers: answers * HEADERS_BEFORE_DATA,
        }
    }

    /// When one side sends again what was lost, if it has to.
    pub(super) fn again_at(&self, id: ConnectionId, side: Side) -> Option<i64> {
        self.connections[id].ends[side as usize].again_at
    }

    /// Sends all that is new, unless something before it was lost.
    fn pump(&mut self, at: i64, id: ConnectionId, side: Side) {
        if self.end(id, side).again_at.is_some() {
            return;
        }
        let mut index = 0;
        let mut received = 0;
        let mut last = None;
        let mut is_whole = true;
        let mut time = at;
        let mut is_answered_soon = false;
        while index < self.end(id, side).queue.len() {
            if !self.end(id, side).queue[index].is_sent {
                let arrives = self.send_part(time, id, side, index);
                let part = &mut self.end(id, side).queue[index];
                part.is_sent = true;
                part.is_received = arrives.is_some();
                is_answered_soon |= matches!(part.note, Note::Next(_) | Note::Playing);
                time += SPACING;
                if let Some(then) = arrives {
                    last = Some(then);
                    if is_whole {
                        received += 1;
                        // Every second segment is acknowledged at once (RFC 9293, 3.8.6.3).
                        let is_last = self.end(id, side).queue[index].is_last;
                        if received % 2 == 0 || (is_last && !is_answered_soon) {
                            self.acknowledge(then + ACKNOWLEDGES_AFTER, id, side.other(), Some(index));
                        }
                    } else {
                        self.acknowledge(then + ACKNOWLEDGES_AFTER, id, side.other(), None);
                    }
                } else {
                    is_whole = false;
                }
            }
            index += 1;
        }
        self.take_delivered(last.unwrap_or(at), id, side);
        if !self.end(id, side).queue.is_empty() {
            // A hole that later segments show is filled after a round trip or two (RFC 8985); a tail after a time-out.
            let wait = if last.is_some() { FAST_AGAIN } else { RETRANSMISSION };
            self.wait_again(at + wait, id, side);
        }
    }

    fn wait_again(&mut self, then: i64, id: ConnectionId, side: Side) {
        let generation = self.connections[id].generation;
        self.end(id, side).again_at = Some(then);
        self.agenda.at(then, Event::Again(id, generation, side));
    }

    /// Sends the first lost segment again.
    pub(super) fn again(&mut self, at: i64, id: ConnectionId, side: Side) {
        if self.end(id, side).again_at != Some(at) {
            return;
        }
        self.end(id, side).again_at = None;
        let end = self.end(id, side);
        let (host, epoch) = (end.host, end.epoch);
        if self.hosts[host].epoch != epoch {
            return;
        }
        let Some(index) = self.end(id, side).queue.iter().position(|part| !part.is_received) else {
            self.take_delivered(at, id, side);
            return;
        };
        self.end(id, side).attempt += 1;
        let attempt = self.end(id, side).attempt;
        if attempt > ATTEMPTS {
            let generation = self.connections[id].generation;
            self.agenda.at(at, Event::Closed(id, generation, Why::Timeout));
            return;
        }
        match self.send_part(at, id, side, index) {
            Some(then) => {
                self.end(id, side).queue[index].is_received = true;
                self.end(id, side).attempt = 0;
                self.take_delivered(then, id, side);
                self.acknowledge(then + ACKNOWLEDGES_AFTER, id, side.other(), None);
                if self.end(id, side).queue.iter().any(|part| part.is_sent && !part.is_received) {
                    self.wait_again(then + FAST_AGAIN, id, side);
                } else {
                    self.pump(then + 100_000, id, side);
                }
            }
            None => self.wait_again(at + (RETRANSMISSION << attempt.min(9)), id, side),
        }
    }

    /// Sends one segment: when it arrives at a side that still knows the connection.
    fn send_part(&mut self, at: i64, id: ConnectionId, side: Side, index: usize) -> Option<i64> {
        let [own, other] = self.both(id, side);
        let part = &own.queue[index];
        let mut flags = ACK;
        if part.is_last {
            flags |= PSH;
        }
        if part.is_fin {
            flags = FIN | ACK;
        }
        let (from, to) = (own.host, other.ip);
        let segment = Segment {
            ports: (own.port, other.port),
            sequence: part.sequence,
            acknowledgement: other.delivered,
            flags,
            window: own.window,
            ..Segment::default()
        };
        let data = part.data.clone();
        let mut says = part.says.clone();
        if part.shown > 0 && !part.is_fin {
            says.push(Says::Retried(part.shown));
        }
        let (peer, peer_epoch, is_lost) = (other.host, other.epoch, other.is_lost);
        let own_ip = own.ip;
        let stamps = Some((self.stamp(at, from), self.stamp(at, peer)));
        let segment = Segment { stamps, ..segment };
        let sent = self.send_ip(at, (from, own_ip), to, &Transport::Tcp(segment, data), &says);
        self.note_past(id, side, index, sent.past());
        match sent {
            Sent::Arrives(then, host, _) => {
                if is_lost || host != peer || self.hosts[host].epoch != peer_epoch {
                    let lost = self.connections[id].ends[side.other() as usize].ip;
                    self.reject(then + 50_000, id, (host, lost), &segment, own_ip);
                    return None;
                }
                self.confirm(then, host, own_ip);
                Some(then)
            }
            Sent::Lost(_) | Sent::Waits => None,
        }
    }

    /// Counts the media of a segment once: when it first came by the mirror, and when it was first shown.
    fn note_past(&mut self, id: ConnectionId, side: Side, index: usize, past: Past) {
        let queue = &mut self.end(id, side).queue;
        let is_whole = index.checked_sub(1).is_none_or(|before| queue[before].past.is_shown());
        let part = &mut queue[index];
        let (before, media) = (part.past, part.media);
        part.past = before.max(past);
        part.shown += u16::from(past.is_shown());
        let Some(Packets { stream: id, ended, begun, bytes, is_cut }) = media else { return };
        let stream = &mut self.streams[id];
        if before == Past::Apart && past != Past::Apart {
            stream.passed += ended;
        }
        if let (Past::Shown(at), false) = (past, before.is_shown()) {
            stream.seen += ended;
            // A header of which the mirror shows the end alone is not read.
            let torn = u64::from(is_cut && !is_whole).min(begun);
            stream.seconds.miss(torn);
            if begun > torn {
                let source = stream.source;
                self.media_shown(id, source, Frames { packets: begun - torn, bytes, ..Frames::one(at, 0) });
            }
        }
    }

    /// A host that does not know a connection resets it (RFC 9293, 3.10.7.1).
    fn reject(
        &mut self,
        at: i64,
        id: ConnectionId,
        (host, own): (HostId, Ipv4Addr),
        segment: &Segment,
        to: Ipv4Addr,
    ) {
        if !self.hosts[host].is_up || !self.hosts[host].is_ready {
            return;
        }
        let reset = Segment {
            ports: (segment.ports.1, segment.ports.0),
            sequence: segment.acknowledgement,
            flags: RST,
            ..Segment::default()
        };
        if let Sent::Arrives(then, ..) =
            self.send_ip(at, (host, own), to, &Transport::Tcp(reset, Data::Empty), &[])
        {
            let generation = self.connections[id].generation;
            self.agenda.at(then, Event::Closed(id, generation, Why::Reset));
        }
    }

    /// Takes out what was received in order, and says so to who waits for it.
    fn take_delivered(&mut self, at: i64, id: ConnectionId, side: Side) {
        let generation = self.connections[id].generation;
        loop {
            let end = self.end(id, side);
            if end.queue.front().is_none_or(|part| !part.is_received) {
                break;
            }
            let Some(part) = end.queue.pop_front() else { break };
            end.delivered = part.sequence.wrapping_add(part.length());
            end.queued -= part.data.len();
            if let Some(Packets { stream, ended, begun, .. }) = part.media {
                let stream = &mut self.streams[stream];
                stream.received += ended;
                stream.received_past += if part.past == Past::Apart { 0 } else { ended };
                if !part.past.is_shown() {
                    stream.seconds.miss(begun);
                }
            }
            let note = if part.is_fin { Note::Fin } else { part.note };
            if note != Note::Nothing {
                self.agenda.at(at, Event::Delivered(id, generation, side.other(), note));
            }
        }
    }

    /// One side acknowledges what it has; of a message under way, all up to the part at `index`.
    fn acknowledge(&mut self, at: i64, id: ConnectionId, side: Side, index: Option<usize>) {
        let [own, other] = self.both(id, side);
        let (upto, sack) = match index {
            Some(index) => {
                let part = &other.queue[index];
                (part.sequence.wrapping_add(part.length()), None)
            }
            None => {
                let ahead =
                    other.queue.iter().skip_while(|part| part.is_received).find(|part| part.is_received);
                (
                    other.delivered,
                    ahead.map(|part| (part.sequence, part.sequence.wrapping_add(part.length()))),
                )
            }
        };
        let (host, to) = (own.host, other.ip);
        let segment = Segment {
            ports: (own.port, other.port),
            sequence: own.delivered,
            acknowledgement: upto,
            flags: ACK,
            window: own.window,
            offer: None,
            sack,
            stamps: None,
        };
        let (peer, own_ip, peer_ip) = (other.host, own.ip, other.ip);
        let stamps = Some((self.stamp(at, host), self.stamp(at, peer)));
        let segment = Segment { stamps, ..segment };
        if let Sent::Arrives(then, ..) =
            self.send_ip(at, (host, own_ip), to, &Transport::Tcp(segment, Data::Empty), &[])
        {
            self.confirm(then, peer, own_ip);
            self.confirm(then, host, peer_ip);
        }
    }

    pub(super) fn delivered(&mut self, at: i64, id: ConnectionId, side: Side, note: Note) {
        let generation = self.connections[id].generation;
        match note {
            Note::Nothing => {}
            Note::Next(after) => self.agenda.at(at + after, Event::Step(id, generation)),
            Note::Done => self.close(at + THINKING, id, Side::Client),
            Note::Playing => self.playing(at, id),
            Note::Polled => self.polled(at, id),
            Note::Fin => {
                if !self.end(id, side).has_sent_fin {
                    self.close(at + 100_000, id, side);
                }
                self.agenda.at(at + SECOND / 10, Event::Closed(id, generation, Why::Finished));
            }
        }
    }

    /// One side closes its half.
    pub(super) fn close(&mut self, at: i64, id: ConnectionId, side: Side) {
        if self.connections[id].state != State::Open {
            self.free(id);
            return;
        }
        let end = self.end(id, side);
        if end.has_sent_fin {
            return;
        }
        end.has_sent_fin = true;
        let part = Part {
            sequence: end.next,
            data: Data::Empty,
            is_sent: false,
            is_received: false,
            is_fin: true,
            is_last: true,
            note: Note::Fin,
            says: Vec::new(),
            shown: 0,
            media: None,
            past: Past::Apart,
        };
        end.next = end.next.wrapping_add(1);
        end.queue.push_back(part);
        self.pump(at, id, side);
    }

    /// A process dies: the kernel resets what it had open.
    pub(super) fn abort(&mut self, at: i64, id: ConnectionId, side: Side) {
        if self.connections[id].state != State::Open {
            return;
        }
        let generation = self.connections[id].generation;
        let [own, other] = self.both(id, side);
        let segment = Segment {
            ports: (own.port, other.port),
            sequence: own.delivered,
            acknowledgement: other.delivered,
            flags: RST | ACK,
            ..Segment::default()
        };
        let (host, own_ip, to) = (own.host, own.ip, other.ip);
        own.is_lost = true;
        own.queue.clear();
        own.queued = 0;
        own.again_at = None;
        if let Sent::Arrives(then, ..) =
            self.send_ip(at, (host, own_ip), to, &Transport::Tcp(segment, Data::Empty), &[])
        {
            self.agenda.at(then, Event::Closed(id, generation, Why::Reset));
        }
    }

    /// One side gives the connection up without a word.
    pub(super) fn forget_end(&mut self, id: ConnectionId, side: Side) {
        let end = self.end(id, side);
        end.is_lost = true;
        end.queue.clear();
        end.queued = 0;
        end.again_at = None;
    }

    /// All connections of a host in which it still takes part, with its side of each.
    pub(super) fn connections_of(&self, host: HostId) -> Vec<(ConnectionId, Side)> {
        let mut all = Vec::new();
        for (id, connection) in self.connections.iter().enumerate() {
            for side in [Side::Client, Side::Server] {
                let end = &connection.ends[side as usize];
                if connection.state == State::Open && end.host == host && !end.is_lost {
                    all.push((id, side));
                }
            }
        }
        all
    }

    pub(super) fn closed(&mut self, at: i64, id: ConnectionId, why: Why) {
        let purpose = self.connections[id].purpose;
        self.free(id);
        match purpose {
            Purpose::Pull(job) => self.pull_closed(at, job, id, why),
            Purpose::Panel(panel) => self.panel_closed(at, panel, id),
            Purpose::Once => {}
        }
    }

    /// Forgets a connection.
    pub(super) fn free(&mut self, id: ConnectionId) {
        let connection = &mut self.connections[id];
        if connection.state == State::Closed {
            return;
        }
        connection.generation += 1;
        connection.state = State::Closed;
        connection.script.clear();
        for end in &mut connection.ends {
            end.queue.clear();
            end.queued = 0;
            end.again_at = None;
        }
        self.idle_connections.push(id);
    }

    fn end(&mut self, id: ConnectionId, side: Side) -> &mut End {
        &mut self.connections[id].ends[side as usize]
    }

    fn both(&mut self, id: ConnectionId, side: Side) -> [&mut End; 2] {
        let [client, server] = &mut self.connections[id].ends;
        match side {
            Side::Client => [client, server],
            Side::Server => [server, client],
        }
    }

    /// A host's time stamp (RFC 7323, 5.4): milliseconds since its boot, on a base of its own.
    pub(super) fn stamp(&self, at: i64, host: HostId) -> u32 {
        let state = &self.hosts[host];
        state.stamp_base.wrapping_add(((at - state.booted) / MILLISECOND) as u32)
    }
}

fn cut(data: &Data, from: usize, to: usize) -> Data {
    match data {
        Data::Empty => Data::Empty,
        Data::Bytes(bytes) if from == 0 && to == bytes.len() => data.clone(),
        Data::Bytes(bytes) => Data::Part(Rc::clone(bytes), from, to),
        Data::Part(bytes, start, _) => Data::Part(Rc::clone(bytes), start + from, start + to),
        Data::Filled(head, _) if from < head.len() && to <= head.len() => {
            Data::Part(Rc::clone(head), from, to)
        }
        Data::Filled(head, _) if from == 0 => Data::Filled(Rc::clone(head), to - head.len()),
        Data::Filled(_, _) | Data::Rtp(..) => Data::Filled(Rc::from([]), to - from),
    }
}

/// Largest segment that is offered, and its data behind twelve bytes of time stamps.
const MSS: u16 = 1_460;
const MSS_DATA: u16 = 1_448;
/// Headers of a media packet inside RTSP: its frame's and its own.
const HEADERS: usize = 16;
/// Ethernet, IPv4, TCP with time stamps.
const HEADERS_BEFORE_DATA: u64 = 66;
/// What a host takes to acknowledge a segment.
pub(super) const ACKNOWLEDGES_AFTER: i64 = 20_000;
/// From one segment of a burst to the next, in nanoseconds: a full frame at 1 Gbit/s.
const SPACING: i64 = 12_300;
/// First retransmission time-out on a local network (Linux's minimum).
const RETRANSMISSION: i64 = 200 * MILLISECOND;
/// A hole is filled this long after it showed.
const FAST_AGAIN: i64 = 2 * MILLISECOND;
/// Retransmissions of one segment before a side gives up.
const ATTEMPTS: u16 = 9;
/// A client tries this long to open a connection.
const CONNECT_TIMEOUT: i64 = 10 * SECOND;
