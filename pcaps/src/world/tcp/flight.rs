//! Segments on their way: sent, acknowledged, sent again (RFC 9293, 3.8; RFC 6298).

use std::net::Ipv4Addr;

use super::{ACKNOWLEDGES_AFTER, ConnectionId, Note, Packets, RETRANSMISSION, SPACING, Side, Why};
use crate::fabric::HostId;
use crate::frame::{Data, Transport};
use crate::options::MILLISECOND;
use crate::sight::Says;
use crate::tap::Past;
use crate::wire::tcp::{ACK, FIN, PSH, RST, Segment};
use crate::world::link::Sent;
use crate::world::{Event, World};

impl World<'_> {
    /// When one side sends again what was lost, if it has to.
    pub(in crate::world) fn again_at(&self, id: ConnectionId, side: Side) -> Option<i64> {
        self.connections[id].ends[side as usize].again_at
    }

    /// Sends all that is new, unless something before it was lost.
    pub(super) fn pump(&mut self, at: i64, id: ConnectionId, side: Side) {
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
    pub(super) fn send_part(&mut self, at: i64, id: ConnectionId, side: Side, index: usize) -> Option<i64> {
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
    pub(super) fn acknowledge(&mut self, at: i64, id: ConnectionId, side: Side, index: Option<usize>) {
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
}

/// A hole is filled this long after it showed.
const FAST_AGAIN: i64 = 2 * MILLISECOND;
/// Retransmissions of one segment before a side gives up.
const ATTEMPTS: u16 = 9;
