//! Who pulls media: recorders, which never give up, and viewers, who look for a while.
//!
//! ```text
//! Idle ──► Opening ──► Talking ──► Playing ──► (silence, reset, refusal) ──► Resting ──► Opening …
//!                    OPTIONS DESCRIBE SETUP PLAY      TEARDOWN, where one leaves on purpose
//! ```

use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::rc::Rc;

use super::stream::{PAYLOAD_TYPE, Planned};
use super::tcp::{ConnectionId, Note, Purpose, Side, Step, Why};
use super::{Event, StreamId, THINKING, Timer, World};
use crate::fabric::HostId;
use crate::frame::Data;
use crate::makers;
use crate::options::{MILLISECOND, SECOND, Transport};
use crate::random::Random;
use crate::sight::Says;
use crate::site::{Habit, Role};
use crate::wire::{h264, igmp, ip, rtsp, sdp};

/// A session that somebody wants, by its place in the world's list.
pub type JobId = usize;

/// A session that somebody wants.
#[derive(Debug)]
pub(super) struct Job {
    pub client: HostId,
    pub camera: HostId,
    /// Whether the client wants it now.
    pub is_wanted: bool,
    pub stream: Option<StreamId>,
    state: State,
    generation: u32,
    session: u32,
    cseq: u32,
    plan: Option<Planned>,
    /// How long it bears no media, and how long it rests before it tries again.
    patience: i64,
    rest: i64,
    random: Random,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Idle,
    /// Opening or talking, over this connection.
    Busy(ConnectionId),
    Playing(ConnectionId),
    Resting,
}

impl World<'_> {
    pub(super) fn plan_pulls(&mut self) {
        for index in 0..self.site.recordings.len() {
            let recording = self.site.recordings[index];
            let is_always =
                self.site.hosts[recording.camera].media.is_some_and(|media| media.habit == Habit::Always);
            self.add_job(recording.recorder, recording.camera, is_always);
        }
    }

    fn add_job(&mut self, client: HostId, camera: HostId, is_wanted: bool) -> JobId {
        let id = self.jobs.len();
        // One program, one patience; that of a viewer is a person's.
        let mut habit = self.hosts[client].random.clone();
        let patience = habit.between(5, 10) * SECOND;
        let rest = habit.between(2, 6) * SECOND;
        self.jobs.push(Job {
            client,
            camera,
            is_wanted,
            stream: None,
            state: State::Idle,
            generation: 0,
            session: 0,
            cseq: 1,
            plan: None,
            patience,
            rest,
            random: Random::of(0, "job", id as u64 ^ u64::from(self.hosts[client].stamp_base)),
        });
        id
    }

    /// Everything a recorder does once it runs: it calls its cameras one after another.
    pub(super) fn start_pulling(&mut self, at: i64, client: HostId) {
        let mut after = SECOND;
        for id in 0..self.jobs.len() {
            if self.jobs[id].client == client {
                self.jobs[id].state = State::Idle;
                self.jobs[id].generation += 1;
                let generation = self.jobs[id].generation;
                if self.jobs[id].is_wanted {
                    self.agenda.at(at + after, Event::Pull(id, generation));
                    after += 40 * MILLISECOND;
                }
            }
        }
    }

    /// A camera begins to be wanted, or ceases to be.
    pub(super) fn want(&mut self, at: i64, id: JobId, is_wanted: bool) {
        self.jobs[id].is_wanted = is_wanted;
        match self.jobs[id].state {
            State::Playing(connection) if !is_wanted => self.leave(at, id, connection),
            State::Idle | State::Resting if is_wanted => {
                self.jobs[id].generation += 1;
                let generation = self.jobs[id].generation;
                self.agenda.at(at, Event::Pull(id, generation));
            }
            State::Idle | State::Resting | State::Busy(_) | State::Playing(_) => {}
        }
    }

    /// Catches up with the stream of a session, if it has one.
    pub(super) fn settle_job(&mut self, at: i64, id: JobId) {
        if let Some(stream) = self.jobs[id].stream {
            self.settle(stream, at);
        }
    }

    /// The jobs of a camera that its recorders do.
    pub(super) fn jobs_of(&self, camera: HostId) -> Vec<JobId> {
        let is_recorder = |client: HostId| self.site.hosts[client].role == Role::Recorder;
        (0..self.jobs.len())
            .filter(|id| self.jobs[*id].camera == camera && is_recorder(self.jobs[*id].client))
            .collect()
    }

    pub(super) fn pull(&mut self, at: i64, id: JobId, generation: u32) {
        let job = &self.jobs[id];
        if job.generation != generation
            || !job.is_wanted
            || !self.is_ready(job.client)
            || !self.hosts[job.client].serves
        {
            return;
        }
        if let State::Playing(connection) = job.state {
            self.watch(at, id, connection);
            return;
        }
        let (client, to) = (job.client, self.known(job.camera));
        self.jobs[id].cseq = 1;
        let script = self.dialogue(id);
        let connection = self.open(at, client, (to, RTSP_PORT), Purpose::Pull(id), script);
        self.jobs[id].state = State::Busy(connection);
    }

    /// Looks once a second whether media still comes.
    fn watch(&mut self, at: i64, id: JobId, connection: ConnectionId) {
        let Some(stream) = self.jobs[id].stream else { return };
        if at - self.streams[stream].arrived > self.jobs[id].patience {
            self.settle(stream, at);
        }
        let silent = at - self.streams[stream].arrived;
        if silent > self.jobs[id].patience {
            self.stop_stream(at, stream);
            self.close(at, connection, Side::Client);
            self.rest(at, id);
        } else {
            let generation = self.jobs[id].generation;
            self.agenda.at(at + SECOND, Event::Pull(id, generation));
        }
    }

    fn rest(&mut self, at: i64, id: JobId) {
        let job = &mut self.jobs[id];
        job.state = State::Resting;
        job.stream = None;
        job.generation += 1;
        let generation = job.generation;
        let sway = job.random.between(0, SECOND / 2);
        self.agenda.at(at + job.rest + sway, Event::Pull(id, generation));
    }

    /// Leaves on purpose: TEARDOWN, and the connection closes.
    fn leave(&mut self, at: i64, id: JobId, connection: ConnectionId) {
        let job = &mut self.jobs[id];
        job.state = State::Idle;
        job.generation += 1;
        let stream = job.stream;
        job.cseq += 1;
        let (cseq, session, client, camera) = (job.cseq, job.session, job.client, job.camera);
        let base = self.url(camera);
        let session = format!("{session:08X}");
        let request = rtsp::request("TEARDOWN", &base, cseq, &[("Session", &session)]);
        let answer = rtsp::response(200, "OK", cseq, &[("Session", &session)], &[]);
        if let Some(stream) = stream {
            self.stop_stream(at + 2 * THINKING, stream);
            if self.streams[stream].transport == Transport::Multicast {
                self.leave_group(at, client, self.streams[stream].destination);
            }
        }
        // What it sent until then is still counted as its own.
        self.jobs[id].stream = None;
        let script = &mut self.connections[connection].script;
        let says = vec![Says::Served("rtsp"), Says::Agrees("TEARDOWN"), Says::Ended];
        script.push_back(step(Side::Server, answer, Note::Done, says));
        self.say(at, connection, step(Side::Client, request, Note::Next(THINKING), Vec::new()));
    }

    /// The camera was told to play.
    pub(super) fn playing(&mut self, at: i64, connection: ConnectionId) {
        let Purpose::Pull(id) = self.connections[connection].purpose else { return };
        let Some(mut plan) = self.jobs[id].plan.clone() else { return };
        let (client, camera) = (self.jobs[id].client, self.jobs[id].camera);
        if plan.transport == Transport::Interleaved {
            plan.connection = Some((connection, self.generation(connection)));
            plan.ports = (RTSP_PORT, self.ports(connection).0);
        }
        if plan.transport == Transport::Multicast {
            self.join_group(at, client, plan.destination);
        }
        let stream = self.start_stream(at + 20 * MILLISECOND, id, (camera, client), &plan);
        let job = &mut self.jobs[id];
        job.stream = Some(stream);
        job.state = State::Playing(connection);
        let generation = job.generation;
        self.agenda.at(at + SECOND, Event::Pull(id, generation));
        self.agenda.at(at + KEEP_ALIVE, Event::KeepAlive(id, generation));
    }

    pub(super) fn keep_alive(&mut self, at: i64, id: JobId, generation: u32) {
        let job = &mut self.jobs[id];
        let State::Playing(connection) = job.state else { return };
        if job.generation != generation {
            return;
        }
        job.cseq += 1;
        let (cseq, session) = (job.cseq, format!("{:08X}", job.session));
        let url = self.url(self.jobs[id].camera);
        let request = rtsp::request("GET_PARAMETER", &url, cseq, &[("Session", &session)]);
        let answer = rtsp::response(200, "OK", cseq, &[("Session", &session)], &[]);
        let says = vec![Says::Served("rtsp"), Says::Agrees("GET_PARAMETER")];
        self.connections[connection].script.push_back(step(Side::Server, answer, Note::Nothing, says));
        self.settle_job(at, id);
        self.say(at, connection, step(Side::Client, request, Note::Next(THINKING), Vec::new()));
        self.agenda.at(at + KEEP_ALIVE, Event::KeepAlive(id, generation));
    }

    pub(super) fn pull_closed(&mut self, at: i64, id: JobId, connection: ConnectionId, why: Why) {
        let (State::Busy(own) | State::Playing(own)) = self.jobs[id].state else { return };
        if own != connection {
            return;
        }
        if let Some(stream) = self.jobs[id].stream {
            self.stop_stream(at, stream);
        }
        if !self.is_ready(self.jobs[id].client) {
            return;
        }
        // Who was refused tries again soon; who was not answered has lost time already.
        let at = if why == Why::Unreachable { at + SECOND } else { at };
        self.rest(at, id);
    }

    /// What the two say to one another until the camera plays.
    fn dialogue(&mut self, id: JobId) -> VecDeque<Step> {
        let (client, camera) = (self.jobs[id].client, self.jobs[id].camera);
        let Some(look) = &self.site.hosts[camera].product.rtsp else { return VecDeque::new() };
        let Some(media) = self.site.hosts[camera].media else { return VecDeque::new() };
        let url = self.url(camera);
        let job = &mut self.jobs[id];
        job.session = (job.random.bits() as u32) | 1;
        let ssrc = job.random.bits() as u32;
        let nonce = format!("{:016x}{:016x}", job.random.bits(), job.random.bits());
        let client_port = 20_000 + (job.random.below(20_000) as u16) * 2;
        let server_port = 50_000 + (job.random.below(5_000) as u16) * 2;
        let realm = look.realm.map(|realm| self.filled(camera, realm));
        let login = realm.as_ref().map(|realm| rtsp::Login {
            user: "recorder",
            password: "Sim-4711",
            realm,
            nonce: &nonce,
        });
        let session = format!("{:08X}", self.jobs[id].session);
        let transport = media.transport;
        let group = group_of(self.known(camera));
        let destination = if transport == Transport::Multicast { group } else { self.hosts[client].ip };
        let ports = match transport {
            Transport::Multicast => (GROUP_PORT, GROUP_PORT),
            Transport::Udp | Transport::Interleaved => (server_port, client_port),
        };
        let mut talk = Talk { cseq: 0, asked: "", steps: VecDeque::new(), server: look.server };
        talk.ask("OPTIONS", &url, &[]);
        talk.tell(200, "OK", &[("Public", look.public)], &[], vec![Says::Served("rtsp")]);
        if let Some(realm) = &realm {
            talk.ask("DESCRIBE", &url, &[("Accept", "application/sdp")]);
            talk.tell(
                401,
                "Unauthorized",
                &[("WWW-Authenticate", &rtsp::challenge(realm, &nonce))],
                &[],
                Vec::new(),
            );
        }
        let signed = |method: &str, uri: &str| login.as_ref().map(|login| login.digest(method, uri));
        let body = self.description(camera, transport, group);
        talk.ask_signed("DESCRIBE", &url, &[("Accept", "application/sdp")], signed("DESCRIBE", &url));
        talk.tell(
            200,
            "OK",
            &[("Content-Base", &format!("{url}/")), ("Content-Type", "application/sdp")],
            &body,
            Vec::new(),
        );
        let track = format!("{url}/{}", look.control);
        let (asked, agreed) = match transport {
            Transport::Interleaved => {
                let both = "RTP/AVP/TCP;unicast;interleaved=0-1".to_owned();
                (both.clone(), format!("{both};ssrc={ssrc:08X}"))
            }
            Transport::Udp => {
                let asked = format!("RTP/AVP;unicast;client_port={client_port}-{}", client_port + 1);
                let agreed = format!("{asked};server_port={server_port}-{};ssrc={ssrc:08X}", server_port + 1);
                (asked, agreed)
            }
            Transport::Multicast => (
                "RTP/AVP;multicast".to_owned(),
                format!("RTP/AVP;multicast;destination={group};port={GROUP_PORT}-{};ttl=16", GROUP_PORT + 1),
            ),
        };
        talk.ask_signed("SETUP", &track, &[("Transport", &asked)], signed("SETUP", &track));
        let announced = Says::Announced {
            ssrc,
            destination: destination.into(),
            ports,
            is_interleaved: transport == Transport::Interleaved,
        };
        let whole = format!("{session};timeout=60");
        talk.tell(200, "OK", &[("Session", &whole), ("Transport", &agreed)], &[], vec![announced]);
        talk.ask_signed(
            "PLAY",
            &url,
            &[("Session", &session), ("Range", "npt=0.000-")],
            signed("PLAY", &url),
        );
        talk.tell(200, "OK", &[("Session", &session), ("Range", "npt=0.000-")], &[], Vec::new());
        if let Some(last) = talk.steps.back_mut() {
            last.note = Note::Playing;
        }
        self.jobs[id].cseq = talk.cseq;
        self.jobs[id].plan = Some(Planned { transport, destination, ports, ssrc, connection: None });
        talk.steps
    }

    fn description(&self, camera: HostId, transport: Transport, group: Ipv4Addr) -> Vec<u8> {
        let host = &self.site.hosts[camera];
        let Some(look) = &host.product.rtsp else { return Vec::new() };
        let is_h265 = host.media.is_some_and(|media| media.is_h265);
        let is_group = transport == Transport::Multicast;
        let stream = sdp::Media {
            kind: "video",
            port: if is_group { GROUP_PORT } else { 0 },
            payload_type: PAYLOAD_TYPE,
            encoding: if is_h265 { "H265/90000" } else { "H264/90000" }.to_owned(),
            fmtp: (!is_h265).then(|| h264::fmtp(1_280, 720)),
            control: look.control.to_owned(),
            is_secure: false,
            connection: is_group.then_some((group.into(), 16)),
        };
        sdp::description(self.hosts[camera].ip.into(), look.session, look.attributes, &[stream])
    }

    /// The address under which clients know a host: the one that was planned, whatever it has.
    pub(super) fn known(&self, host: HostId) -> Ipv4Addr {
        self.site.hosts[host].ip
    }

    fn url(&self, camera: HostId) -> String {
        let path = self.site.hosts[camera].product.rtsp.as_ref().map_or("/", |look| look.path);
        format!("rtsp://{}:554{path}", self.known(camera))
    }

    /// A text of a product, filled in for a host.
    pub(super) fn filled(&self, host: HostId, text: &str) -> String {
        let host = &self.site.hosts[host];
        makers::fill(text, host.product, host.mac.0, &host.serial)
    }

    fn join_group(&mut self, at: i64, host: HostId, group: Ipv4Addr) {
        let message = igmp::report_v2(group);
        self.multicast(at, host, group, 1, igmp_packet(message), &[]);
    }

    fn leave_group(&mut self, at: i64, host: HostId, group: Ipv4Addr) {
        let message = igmp::leave(group);
        self.multicast(at, host, Ipv4Addr::new(224, 0, 0, 2), 1, igmp_packet(message), &[]);
    }

    /// The next querier's round: everybody who listens to a group says so again.
    pub(super) fn report_groups(&mut self, at: i64) {
        let listening: Vec<(HostId, Ipv4Addr)> = self
            .streams
            .iter()
            .filter(|stream| stream.is_running && stream.transport == Transport::Multicast)
            .map(|stream| (stream.receiver, stream.destination))
            .collect();
        for (index, (host, group)) in listening.into_iter().enumerate() {
            if self.is_ready(host) {
                self.join_group(at + index as i64 * 7 * MILLISECOND, host, group);
            }
        }
    }

    /// Something moves before a camera, or stops moving.
    pub(super) fn motion(&mut self, at: i64, camera: HostId, moves: bool) {
        for job in self.jobs_of(camera) {
            self.want(at, job, moves);
        }
        let random = &mut self.hosts[camera].random;
        let length = if moves { random.between(12, 60) } else { random.between(20, 400) } * SECOND;
        self.after(at + length, camera, Timer::Motion(!moves));
    }

    /// A viewer chooses a camera and looks at it for a while.
    pub(super) fn look(&mut self, at: i64, viewer: HostId) {
        let cameras: Vec<HostId> = self.site.all(Role::Camera).filter(|id| self.can_be_viewed(*id)).collect();
        let random = &mut self.hosts[viewer].random;
        let (length, pause) = (random.between(20, 90) * SECOND, random.between(30, 240) * SECOND);
        if !cameras.is_empty() {
            let camera = *random.pick(&cameras);
            let job = self.viewing(viewer, camera);
            self.want(at, job, true);
            self.after(at + length, viewer, Timer::LookAway(job));
        }
        self.after(at + length + pause, viewer, Timer::Look);
    }

    /// A viewer begins to look at a camera, or ceases to.
    pub(super) fn turn_to(&mut self, at: i64, (viewer, camera): (HostId, HostId), looks: bool) {
        let job = self.viewing(viewer, camera);
        self.want(at, job, looks);
    }

    fn viewing(&mut self, viewer: HostId, camera: HostId) -> JobId {
        let known = (0..self.jobs.len())
            .find(|id| self.jobs[*id].client == viewer && self.jobs[*id].camera == camera);
        known.unwrap_or_else(|| self.add_job(viewer, camera, false))
    }

    fn can_be_viewed(&self, camera: HostId) -> bool {
        let media = self.site.hosts[camera].media;
        media.is_some_and(|media| media.habit != Habit::Sleeping && media.transport != Transport::Multicast)
    }

    pub(super) fn look_away(&mut self, at: i64, job: JobId) {
        self.want(at, job, false);
    }
}

/// A dialogue as it grows.
struct Talk {
    cseq: u32,
    asked: &'static str,
    steps: VecDeque<Step>,
    server: Option<&'static str>,
}

impl Talk {
    fn ask(&mut self, method: &'static str, url: &str, headers: &[(&str, &str)]) {
        self.cseq += 1;
        self.asked = method;
        let mut all = vec![("User-Agent", AGENT)];
        all.extend_from_slice(headers);
        let bytes = rtsp::request(method, url, self.cseq, &all);
        self.steps.push_back(step(Side::Client, bytes, Note::Next(THINKING), Vec::new()));
    }

    fn ask_signed(
        &mut self,
        method: &'static str,
        url: &str,
        headers: &[(&str, &str)],
        signature: Option<String>,
    ) {
        let mut all = headers.to_vec();
        if let Some(signature) = &signature {
            all.insert(0, ("Authorization", signature));
        }
        self.ask(method, url, &all);
    }

    fn tell(&mut self, code: u16, reason: &str, headers: &[(&str, &str)], body: &[u8], mut says: Vec<Says>) {
        let mut all: Vec<(&str, &str)> = self.server.map(|server| ("Server", server)).into_iter().collect();
        all.extend_from_slice(headers);
        let bytes = rtsp::response(code, reason, self.cseq, &all, body);
        says.extend((code == 200).then_some(Says::Agrees(self.asked)));
        self.steps.push_back(step(Side::Server, bytes, Note::Next(THINKING), says));
    }
}

pub(super) fn step(by: Side, bytes: Vec<u8>, note: Note, says: Vec<Says>) -> Step {
    Step { by, data: Data::Bytes(Rc::from(bytes)), says, note }
}

fn igmp_packet(message: Vec<u8>) -> crate::frame::Transport {
    crate::frame::Transport::Other { protocol: ip::IGMP, is_alert: true, message: message.into() }
}

/// A camera's group: its own, of the administratively scoped ones (RFC 2365).
fn group_of(ip: Ipv4Addr) -> Ipv4Addr {
    let [_, b, c, d] = ip.octets();
    Ipv4Addr::new(239, b, c, d)
}

/// Where cameras answer RTSP.
pub(super) const RTSP_PORT: u16 = 554;
const AGENT: &str = "LibVMS/4.2";
const GROUP_PORT: u16 = 24_000;
/// A session that times out after 60 s is kept alive at half of it.
const KEEP_ALIVE: i64 = 30 * SECOND;
