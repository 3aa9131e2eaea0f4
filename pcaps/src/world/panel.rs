//! Door controllers and their host, which polls them over a connection that stays; intercoms and their registrar.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::rc::Rc;

use super::link::Parcel;
use super::pull::step;
use super::tcp::{ConnectionId, Note, Purpose, Side};
use super::{Event, Message, THINKING, Timer, World};
use crate::fabric::HostId;
use crate::options::{MILLISECOND, SECOND};
use crate::sight::Says;
use crate::site::Role;
use crate::wire::sip;

/// A host link to one controller.
#[derive(Debug)]
pub(super) struct Panel {
    server: HostId,
    pub controller: HostId,
    generation: u32,
    connection: Option<ConnectionId>,
    every: i64,
    polls: u16,
    answered: i64,
}

impl World<'_> {
    pub(super) fn plan_panels(&mut self) {
        let Some(server) = self.access_server else { return };
        let controllers: Vec<HostId> = self.site.all(Role::Controller).collect();
        for controller in controllers {
            let every = self.hosts[controller].random.clone().between(1, 5) * SECOND;
            self.panels.push(Panel {
                server,
                controller,
                generation: 0,
                connection: None,
                every,
                polls: 0,
                answered: 0,
            });
        }
    }

    /// The host calls its controllers one after another.
    pub(super) fn start_polling(&mut self, at: i64, server: HostId) {
        for index in 0..self.panels.len() {
            if self.panels[index].server == server {
                self.panels[index].connection = None;
                self.panels[index].generation += 1;
                let generation = self.panels[index].generation;
                self.agenda.at(at + index as i64 * 23 * MILLISECOND, Event::PanelPoll(index, generation));
            }
        }
    }

    pub(super) fn panel_poll(&mut self, at: i64, index: usize, generation: u32) {
        let panel = &self.panels[index];
        if panel.generation != generation || !self.is_ready(panel.server) || !self.hosts[panel.server].serves
        {
            return;
        }
        let (server, controller, every) = (panel.server, panel.controller, panel.every);
        match panel.connection {
            None => {
                let to = self.known(controller);
                let (request, answer) = (self.frame_of(index, true), self.frame_of(index, false));
                let script = VecDeque::from([
                    step(Side::Client, request, Note::Next(THINKING), Vec::new()),
                    step(Side::Server, answer, Note::Polled, vec![Says::Served("panel")]),
                ]);
                let connection = self.open(at, server, (to, 3_001), Purpose::Panel(index), script);
                self.panels[index].connection = Some(connection);
                self.panels[index].answered = at;
            }
            Some(connection) if at - panel.answered > POLLS_MISSED * every + 10 * SECOND => {
                self.forget_end(connection, Side::Client);
                self.abort(at, connection, Side::Client);
                self.free(connection);
                self.panel_lost(at, index);
            }
            Some(connection) => {
                let (request, answer) = (self.frame_of(index, true), self.frame_of(index, false));
                let generation = self.generation(connection);
                if self.is_open(connection, generation) && self.backlog(connection, Side::Client) == 0 {
                    let script = &mut self.connections[connection].script;
                    script.push_back(step(Side::Server, answer, Note::Polled, Vec::new()));
                    self.say(at, connection, step(Side::Client, request, Note::Next(THINKING), Vec::new()));
                }
                self.agenda.at(at + every, Event::PanelPoll(index, self.panels[index].generation));
            }
        }
    }

    pub(super) fn polled(&mut self, at: i64, connection: ConnectionId) {
        let Purpose::Panel(index) = self.connections[connection].purpose else { return };
        let panel = &mut self.panels[index];
        panel.polls = panel.polls.wrapping_add(1);
        panel.answered = at;
        let (generation, every) = (panel.generation, panel.every);
        if panel.polls == 1 {
            self.agenda.at(at + every, Event::PanelPoll(index, generation));
        }
    }

    pub(super) fn panel_closed(&mut self, at: i64, index: usize, connection: ConnectionId) {
        if self.panels[index].connection == Some(connection) {
            self.panel_lost(at, index);
        }
    }

    fn panel_lost(&mut self, at: i64, index: usize) {
        let panel = &mut self.panels[index];
        panel.connection = None;
        panel.generation += 1;
        panel.polls = 0;
        let generation = panel.generation;
        self.agenda.at(at + RECONNECT, Event::PanelPoll(index, generation));
    }

    /// A frame of the host link: a mark, a length, a number, and what is encrypted.
    fn frame_of(&self, index: usize, is_request: bool) -> Vec<u8> {
        let panel = &self.panels[index];
        let [high, low] = panel.polls.to_be_bytes();
        let length: u8 = if is_request { 20 } else { 44 };
        let mut bytes = vec![0x16, 0x01, length, high, low];
        let noise = u32::from(panel.polls).wrapping_mul(0x9e37_79b1) ^ index as u32;
        bytes.extend((0..length).map(|n| (noise.rotate_left(u32::from(n)) & 0xff) as u8 ^ n));
        bytes
    }

    /// An intercom registers, again and again (RFC 3261, 10.2).
    pub(super) fn register(&mut self, at: i64, host: HostId) {
        self.say_sip(at, host, true);
        self.after(at + REGISTER, host, Timer::Register);
        self.after(at + PING, host, Timer::Ping);
    }

    pub(super) fn ping(&mut self, at: i64, host: HostId) {
        self.say_sip(at, host, false);
        let registers_soon = (at - self.hosts[host].booted) % REGISTER > REGISTER - PING;
        if !registers_soon {
            self.after(at + PING, host, Timer::Ping);
        }
    }

    fn say_sip(&mut self, at: i64, host: HostId, registers: bool) {
        let Some(server) = self.access_server else { return };
        let (own, to) = (self.hosts[host].ip, self.hosts[server].ip);
        let (user, look) = (self.site.hosts[host].name.clone(), self.site.hosts[host].product);
        let user_agent = format!("{} {}", look.model, look.firmware);
        let call = self.hosts[host].stamp_base;
        let agent = sip::Agent {
            user: &user,
            registrar: to.into(),
            contact: SocketAddr::new(own.into(), 5_060),
            user_agent: &user_agent,
            call,
        };
        let cseq = ((at - self.hosts[host].booted) / SECOND) as u32 + 1;
        let request = if registers { agent.register(cseq, 300, &[]) } else { agent.options("pbx", cseq) };
        let answer = sip::response(&request, 200, "OK", &[("Server", "PBX 18.9")]);
        let message = Message::Sip(Rc::from(answer));
        let transport = Self::datagram((5_060, 5_060), request);
        self.send(at, Parcel { from: host, to, transport, says: Vec::new(), message });
    }

    pub(super) fn tell_sip(&mut self, at: i64, server: HostId, client: HostId, answer: Rc<[u8]>) {
        let to = self.hosts[client].ip;
        let transport = Self::datagram((5_060, 5_060), answer.to_vec());
        let parcel = Parcel {
            from: server,
            to,
            transport,
            says: vec![Says::Served("sip")],
            message: Message::Nothing,
        };
        self.send(at + THINKING, parcel);
    }
}

/// A host gives a controller up after so many polls, and 10 s.
const POLLS_MISSED: i64 = 3;
/// A host calls again after this long.
const RECONNECT: i64 = 5 * SECOND;
/// Registrations last for 300 s and are renewed before.
const REGISTER: i64 = 240 * SECOND;
/// Keep-alive of an intercom.
const PING: i64 = 30 * SECOND;
