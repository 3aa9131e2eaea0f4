//! Messages become segments, and what they hold of RTP packets is counted.

use std::rc::Rc;

use super::{ConnectionId, End, Note, Packets, Part, SPACING, Segments, Side, State, Step};
use crate::frame::Data;
use crate::sums::Frames;
use crate::tap::Past;
use crate::world::World;
use crate::world::stream::StreamId;

impl World<'_> {
    /// Sends a message that is made of a stream's RTP packets of these lengths, each behind a head of four bytes.
    pub(in crate::world) fn say_media(
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

    /// Counts the media of a segment once: when it first came by the mirror, and when it was first shown.
    pub(super) fn note_past(&mut self, id: ConnectionId, side: Side, index: usize, past: Past) {
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

    /// Whether what one side sends now would be received and acknowledged at once, no other host asked.
    pub(in crate::world) fn flows_freely(&mut self, id: ConnectionId, side: Side, at: i64) -> bool {
        let connection = &self.connections[id];
        let (own, other) = (&connection.ends[side as usize], &connection.ends[side.other() as usize]);
        let knows = |one: &End, two: &End| self.knows(one.host, two.ip, two.host, at);
        let reader = other.host;
        let is_free = connection.state == State::Open
            && own.queue.is_empty()
            && own.again_at.is_none()
            && !own.has_sent_fin
            && !other.is_lost
            && self.hosts[other.host].epoch == other.epoch
            && self.hosts[own.host].is_up
            && self.hosts[other.host].is_up
            && knows(own, other)
            && knows(other, own)
            && !own.is_overtaken
            && own.free_at <= at
            && other.lag.is_none();
        is_free && self.busy_until(reader, at).is_none()
    }

    /// Lets so many bytes of one side through that nobody wants to see: what they take.
    pub(in crate::world) fn pass(&mut self, at: i64, id: ConnectionId, side: Side, bytes: usize) -> Segments {
        let end = self.end(id, side);
        end.next = end.next.wrapping_add(bytes as u32);
        end.delivered = end.next;
        let sent = bytes.div_ceil(usize::from(MSS_DATA)) as u64;
        end.free_at = at + SPACING * sent as i64;
        end.flew(sent as usize);
        let answers = sent.div_ceil(2);
        Segments {
            sent,
            bytes: bytes as u64 + sent * HEADERS_BEFORE_DATA,
            answers,
            bytes_of_answers: answers * HEADERS_BEFORE_DATA,
        }
    }
}

pub(super) fn cut(data: &Data, from: usize, to: usize) -> Data {
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

/// Data of a full segment, behind twelve bytes of time stamps.
const MSS_DATA: u16 = 1_448;
/// Headers of a media packet inside RTSP: its frame's and its own.
const HEADERS: usize = 16;
/// Ethernet, IPv4, TCP with time stamps.
const HEADERS_BEFORE_DATA: u64 = 66;
