//! How a connection begins: SYN, the answer, the last acknowledgement (RFC 9293, 3.5).

use std::collections::VecDeque;
use std::net::Ipv4Addr;

use super::window::WINDOW_SCALE;
use super::{Connection, ConnectionId, End, Purpose, Side, State, Step, Why};
use crate::fabric::HostId;
use crate::frame::{Data, Transport};
use crate::options::SECOND;
use crate::random::Random;
use crate::sight::Says;
use crate::wire::tcp::{ACK, RST, SYN, Segment};
use crate::world::link::Sent;
use crate::world::{Event, World};

impl World<'_> {
    /// Opens a connection.
    pub(in crate::world) fn open(
        &mut self,
        at: i64,
        client: HostId,
        server: (Ipv4Addr, u16),
        purpose: Purpose,
        script: VecDeque<Step>,
    ) -> ConnectionId {
        let port = self.hosts[client].port();
        let host = self.owners.get(&server.0).and_then(|owners| owners.first()).copied().unwrap_or(client);
        let end = |world: &mut Self, host: HostId, ip: Ipv4Addr, port: u16| {
            let next = world.hosts[host].random.bits() as u32;
            End {
                host,
                ip,
                port,
                epoch: world.hosts[host].epoch,
                is_lost: false,
                next,
                delivered: 0,
                queue: VecDeque::new(),
                queued: 0,
                attempt: 0,
                again_at: None,
                has_sent_fin: false,
                unseen: 0,
                shown_at: 0,
                free_at: at,
                lag: None,
                way: Random::of(u64::from(next), "way", u64::from(port)),
                is_overtaken: false,
            }
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

    /// Sends a SYN, and does the rest of the handshake if it gets through.
    pub(in crate::world) fn syn(&mut self, at: i64, id: ConnectionId) {
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
            offer: Some((MSS, WINDOW_SCALE)),
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

    pub(super) fn set_attempt(&mut self, id: ConnectionId, attempt: u16) {
        self.connections[id].state = State::Opening(attempt);
    }

    pub(super) fn accept(&mut self, at: i64, id: ConnectionId, host: HostId) {
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
            let offer = Some((MSS, WINDOW_SCALE));
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
    pub(super) fn listens(&self, host: HostId, port: u16) -> bool {
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

    pub(in crate::world) fn opened(&mut self, at: i64, id: ConnectionId) {
        if self.connections[id].state == State::Open {
            self.step(at, id);
        }
    }
}

/// Largest segment that is offered, and its data behind twelve bytes of time stamps.
const MSS: u16 = 1_460;
/// A client tries this long to open a connection.
const CONNECT_TIMEOUT: i64 = 10 * SECOND;
