//! TCP as hosts speak it: handshake, segments, acknowledgements, retransmission, reset (RFC 9293, RFC 6298).
//!
//! What goes well is done at once, with the times that it takes. Only what is lost, and what a closed
//! window holds up, waits for its timer.

mod closing;
mod flight;
mod media;
mod opening;
mod window;

use std::collections::VecDeque;
use std::net::Ipv4Addr;

use super::pull::JobId;
use super::{Event, StreamId, THINKING, World};
use crate::fabric::HostId;
use crate::frame::Data;
use crate::options::{MILLISECOND, SECOND};
use crate::random::Random;
use crate::sight::Says;
use crate::tap::Past;
pub(super) use window::Disk;

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
    /// Segments since the last shown that arrived and were not shown.
    unseen: u64,
    /// When a segment was last shown.
    shown_at: i64,
    /// When it has sent all that it was given so far.
    free_at: i64,
    /// Where its program does not read what comes.
    lag: Option<window::Lag>,
    /// Draws which of its flights lose their order.
    way: Random,
    /// Whether the next one does.
    is_overtaken: bool,
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

    /// The sequence number behind it.
    fn ends(&self) -> u32 {
        self.sequence.wrapping_add(self.length())
    }
}

impl World<'_> {
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

    /// Whether one side has not closed its half.
    pub(super) fn can_say(&self, id: ConnectionId, side: Side) -> bool {
        !self.connections[id].ends[side as usize].has_sent_fin
    }

    /// Bytes that one side has not got through yet.
    pub(super) fn backlog(&self, id: ConnectionId, side: Side) -> usize {
        self.connections[id].ends[side as usize].queued
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

/// What a host takes to acknowledge a segment.
pub(super) const ACKNOWLEDGES_AFTER: i64 = 20_000;
/// From one segment of a burst to the next, in nanoseconds: a full frame at 1 Gbit/s.
const SPACING: i64 = 12_300;
/// First retransmission time-out on a local network (Linux's minimum).
const RETRANSMISSION: i64 = 200 * MILLISECOND;
