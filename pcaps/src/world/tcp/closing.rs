//! How a connection ends: in order, by a reset, or without a word.

use super::{ConnectionId, Note, Part, Purpose, Side, State, Why};
use crate::frame::{Data, Transport};
use crate::tap::Past;
use crate::wire::tcp::{ACK, RST, Segment};
use crate::world::link::Sent;
use crate::world::{Event, World};

impl World<'_> {
    /// One side closes its half.
    pub(in crate::world) fn close(&mut self, at: i64, id: ConnectionId, side: Side) {
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
    pub(in crate::world) fn abort(&mut self, at: i64, id: ConnectionId, side: Side) {
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
    pub(in crate::world) fn forget_end(&mut self, id: ConnectionId, side: Side) {
        let end = self.end(id, side);
        end.is_lost = true;
        end.queue.clear();
        end.queued = 0;
        end.again_at = None;
    }

    pub(in crate::world) fn closed(&mut self, at: i64, id: ConnectionId, why: Why) {
        let purpose = self.connections[id].purpose;
        self.free(id);
        match purpose {
            Purpose::Pull(job) => self.pull_closed(at, job, id, why),
            Purpose::Panel(panel) => self.panel_closed(at, panel, id),
            Purpose::Once => {}
        }
    }

    /// Forgets a connection.
    pub(in crate::world) fn free(&mut self, id: ConnectionId) {
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
}
