//! Segments on their way: sent, acknowledged, sent again (RFC 9293, 3.8; RFC 6298).

use std::net::Ipv4Addr;

use super::{ACKNOWLEDGES_AFTER, ConnectionId, End, Note, Packets, RETRANSMISSION, SPACING, Side, Why};
use crate::fabric::HostId;
use crate::frame::{Data, Transport};
use crate::options::{MILLISECOND, SECOND};
use crate::sight::Says;
use crate::tap::Past;
use crate::wire::tcp::{ACK, FIN, PSH, RST, Segment};
use crate::world::link::Sent;
use crate::world::{Event, World};

impl World<'_> {
    /// Sends all that is new and that the other side has room for, unless something before it was lost.
    pub(super) fn pump(&mut self, at: i64, id: ConnectionId, side: Side) {
        if self.end(id, side).again_at.is_some() {
            return;
        }
        self.fall_behind(at, id, side);
        let overtaken = self.overtaken(id, side);
        let mut index = 0;
        let mut received = 0;
        let mut last = None;
        let mut late = None;
        let mut is_whole = true;
        let mut time = at.max(self.end(id, side).free_at);
        let mut is_answered_soon = false;
        while index < self.end(id, side).queue.len() {
            if !self.end(id, side).queue[index].is_sent {
                if !self.has_room(id, side, index) {
                    break;
                }
                let is_overtaken = is_whole && overtaken == Some(index);
                let delay = if is_overtaken { OVERTAKEN_BY } else { 0 };
                let arrives = self.send_part(time + delay, id, side, index);
                let part = &mut self.end(id, side).queue[index];
                part.is_sent = true;
                part.is_received = arrives.is_some() && !is_overtaken;
                is_answered_soon |= matches!(part.note, Note::Next(_) | Note::Playing);
                let is_last = part.is_last;
                time += SPACING;
                last = last.max(arrives);
                if is_overtaken {
                    late = arrives.map(|then| (index, then));
                    is_whole = arrives.is_some();
                } else if let Some((behind, then)) = late.take() {
                    if let Some(early) = arrives {
                        self.acknowledge(early + ACKNOWLEDGES_AFTER, id, side.other(), None);
                    }
                    self.arrives_late(then, id, side, behind);
                    is_whole = arrives.is_some();
                    received = 0;
                } else if let Some(then) = arrives {
                    if is_whole {
                        received += 1;
                        // Every second segment is acknowledged at once (RFC 9293, 3.8.6.3).
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
        if let Some((behind, then)) = late {
            self.arrives_late(then, id, side, behind);
        }
        self.end(id, side).free_at = time;
        self.take_delivered(last.unwrap_or(at), id, side);
        let queue = &self.end(id, side).queue;
        if queue.iter().any(|part| part.is_sent) {
            // A hole that later segments show is filled after a round trip or two (RFC 8985); a tail after a time-out.
            let wait = if last.is_some() { FAST_AGAIN } else { RETRANSMISSION };
            self.wait_again(at + wait, id, side);
        } else if !queue.is_empty() {
            self.wait_again(time + RETRANSMISSION, id, side);
        }
    }

    /// Which segment of the flight that is about to be sent the next one overtakes, if any: never the last one.
    fn overtaken(&mut self, id: ConnectionId, side: Side) -> Option<usize> {
        let end = self.end(id, side);
        let new = end.queue.iter().filter(|part| !part.is_sent).count();
        let first = end.queue.len() - new;
        let is_overtaken = end.is_overtaken && new >= FLIGHT_LEAST;
        let index = is_overtaken.then(|| first + end.way.below(new as u64 - 2) as usize);
        end.flew(new);
        index
    }

    /// A segment arrives behind the one that was sent after it.
    fn arrives_late(&mut self, then: i64, id: ConnectionId, side: Side, index: usize) {
        self.end(id, side).queue[index].is_received = true;
        self.acknowledge(then + ACKNOWLEDGES_AFTER, id, side.other(), None);
    }

    pub(super) fn wait_again(&mut self, then: i64, id: ConnectionId, side: Side) {
        let generation = self.connections[id].generation;
        self.end(id, side).again_at = Some(then);
        self.agenda.at(then, Event::Again(id, generation, side));
    }

    /// Sends the first lost segment again.
    pub(in crate::world) fn again(&mut self, at: i64, id: ConnectionId, side: Side) {
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
        if !self.end(id, side).queue[index].is_sent && !self.has_room(id, side, index) {
            self.probe(at, id, side, index);
            self.wait_again(at + (RETRANSMISSION << attempt), id, side);
            return;
        }
        let arrives = self.send_part(at, id, side, index);
        self.end(id, side).queue[index].is_sent = true;
        match arrives {
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

    /// Sends one segment of the queue: when it arrives at a side that still knows the connection.
    pub(super) fn send_part(&mut self, at: i64, id: ConnectionId, side: Side, index: usize) -> Option<i64> {
        let end = self.end(id, side);
        // After a longer silence nobody counts what is missing.
        let unseen = Some(end.unseen).filter(|unseen| *unseen > 0 && at - end.shown_at <= SECOND);
        let part = &end.queue[index];
        let was_shown = part.shown > 0;
        let mut flags = ACK;
        if part.is_last {
            flags |= PSH;
        }
        if part.is_fin {
            flags = FIN | ACK;
        }
        let (sequence, data) = (part.sequence, part.data.clone());
        let mut says = part.says.clone();
        if part.shown > 0 && !part.is_fin {
            says.push(Says::Retried(part.shown));
        }
        says.extend(unseen.map(Says::Unseen));
        let (arrives, past) = self.transmit(at, id, side, (sequence, flags, data), &says);
        self.note_past(id, side, index, past);
        let end = self.end(id, side);
        match past {
            Past::Shown(shown_at) => (end.unseen, end.shown_at) = (0, shown_at),
            Past::Lost if arrives.is_some() && !was_shown => end.unseen += 1,
            Past::Lost | Past::Apart => {}
        }
        arrives
    }

    /// Sends data: when it arrives at a side that still knows the connection, and what became of it at the mirror.
    pub(super) fn transmit(
        &mut self,
        at: i64,
        id: ConnectionId,
        side: Side,
        (sequence, flags, data): (u32, u8, Data),
        says: &[Says],
    ) -> (Option<i64>, Past) {
        let [own, other] = self.both(id, side);
        let segment = Segment {
            ports: (own.port, other.port),
            sequence,
            acknowledgement: other.delivered,
            flags,
            window: own.window(other.delivered),
            ..Segment::default()
        };
        let (from, own_ip, to) = (own.host, own.ip, other.ip);
        let (peer, peer_epoch, is_lost) = (other.host, other.epoch, other.is_lost);
        let stamps = Some((self.stamp(at, from), self.stamp(at, peer)));
        let segment = Segment { stamps, ..segment };
        let sent = self.send_ip(at, (from, own_ip), to, &Transport::Tcp(segment, data), says);
        let Sent::Arrives(then, host, past) = sent else { return (None, sent.past()) };
        if is_lost || host != peer || self.hosts[host].epoch != peer_epoch {
            self.reject(then + 50_000, id, (host, to), &segment, own_ip);
            return (None, past);
        }
        self.confirm(then, host, own_ip);
        (Some(then), past)
    }

    /// A host that does not know a connection resets it (RFC 9293, 3.10.7.1).
    pub(super) fn reject(
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
    pub(super) fn take_delivered(&mut self, at: i64, id: ConnectionId, side: Side) {
        let generation = self.connections[id].generation;
        loop {
            let end = self.end(id, side);
            if end.queue.front().is_none_or(|part| !part.is_received) {
                break;
            }
            let Some(part) = end.queue.pop_front() else { break };
            end.delivered = part.ends();
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

    /// One side acknowledges what it has, of a message under way all up to the part at `index`: when that arrives.
    pub(super) fn acknowledge(
        &mut self,
        at: i64,
        id: ConnectionId,
        side: Side,
        index: Option<usize>,
    ) -> Option<i64> {
        let [own, other] = self.both(id, side);
        let (upto, sack) = match index {
            Some(index) => (other.queue[index].ends(), None),
            None => other.received(),
        };
        let (host, to) = (own.host, other.ip);
        let segment = Segment {
            ports: (own.port, other.port),
            sequence: own.delivered,
            acknowledgement: upto,
            flags: ACK,
            window: own.window(upto),
            offer: None,
            sack,
            stamps: None,
        };
        let (peer, own_ip, peer_ip) = (other.host, own.ip, other.ip);
        let stamps = Some((self.stamp(at, host), self.stamp(at, peer)));
        let segment = Segment { stamps, ..segment };
        let sent = self.send_ip(at, (host, own_ip), to, &Transport::Tcp(segment, Data::Empty), &[]);
        let Sent::Arrives(then, ..) = sent else { return None };
        self.confirm(then, peer, own_ip);
        self.confirm(then, host, peer_ip);
        Some(then)
    }
}

impl End {
    /// What the other side has: all up to a number, and the block behind a hole that it received last (RFC 2018, 4).
    fn received(&self) -> (u32, Option<(u32, u32)>) {
        let in_order = self.queue.iter().take_while(|part| part.is_received).count();
        let upto = in_order.checked_sub(1).map_or(self.delivered, |last| self.queue[last].ends());
        let mut ahead = None;
        for (index, part) in self.queue.iter().enumerate().skip(in_order).filter(|(_, part)| part.is_received)
        {
            let is_joined = self.queue[index - 1].is_received;
            let left = ahead.map_or(part.sequence, |(left, _)| if is_joined { left } else { part.sequence });
            ahead = Some((left, part.ends()));
        }
        (upto, ahead)
    }

    /// Takes note of a flight of so many segments, and draws whether the next loses its order.
    pub(super) fn flew(&mut self, segments: usize) {
        if segments >= FLIGHT_LEAST {
            self.is_overtaken = self.way.chance(OVERTAKEN_PPM);
        }
    }
}

/// Of a flight of so many segments one can be overtaken by another that is not the last.
const FLIGHT_LEAST: usize = 3;
/// One flight in a thousand comes out of order, as where a switch spreads flows over several cables.
const OVERTAKEN_PPM: u32 = 1_000;
/// How much longer such a segment takes: the next one comes before it, and none other.
const OVERTAKEN_BY: i64 = SPACING * 3 / 2;
/// A hole is filled this long after it showed.
const FAST_AGAIN: i64 = 2 * MILLISECOND;
/// Retransmissions of one segment before a side gives up.
const ATTEMPTS: u16 = 9;
