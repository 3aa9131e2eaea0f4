//! From the ledger to the report.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use sha2::{Digest, Sha256};
use spanwatch_parsers::{Mac, MediaProfile, Outcome, StreamTransport, Text, Time, TlsRole, ip_text};

use super::ids::Ids;
use super::picture::{Picture, Pictures};
use super::time::{Stamp, rfc3339, rfc3339_of_seconds};
use super::{
    Alternative, Attachment, Blind, Boxes, Capture, CaptureCounts, CaptureInput, Certificate, DataList,
    Decimal, Device, Evidence, Finding, History, Identity, Input, Learned, Limit, Port, Profile, Report,
    Revision, Service, Session, Stream, Summary, Switch, Tls,
};
use crate::clock::{Dropper, GapReason};
use crate::detectors::references::References;
use crate::detectors::{input_damaged, mirror_duplicates, mirror_truncated};
use crate::finding::{self, Severity};
use crate::ledger::Ledger;
use crate::ledger::binding::{Bond, Witness};
use crate::ledger::directory::Number;
use crate::ledger::identity::Attribute;
use crate::ledger::session::Sessions;
use crate::ledger::stream::Streams;
use crate::verdict::State;

/// What the report says of the run beside what the ledger knows.
#[derive(Debug, Default)]
pub struct Run {
    /// The site's name.
    pub site: Option<String>,
    /// The options that can change the result, in a fixed order.
    pub options: Vec<(&'static str, String)>,
    /// Data lists by name.
    pub lists: BTreeMap<String, DataList>,
    /// The inputs, in their order.
    pub inputs: Vec<Input>,
    /// What the lower half counted.
    pub counts: CaptureCounts,
    /// The end of time where it was given, else the last packet's time counts.
    pub until: Option<Time>,
    /// The clock at the end: the latest time stamp, leaps apart.
    pub clock: Option<Time>,
}

impl Run {
    /// When its packets begin and end.
    fn ends(&self) -> (Option<Time>, Option<Time>) {
        let first = self.inputs.iter().filter_map(|input| input.first).min();
        (first, self.inputs.iter().filter_map(|input| input.last).max())
    }

    /// The end of time.
    fn now(&self) -> Time {
        self.until.or(self.clock).or(self.ends().1).unwrap_or_default()
    }
}

/// Builds the report. It takes the place of the ledger, part by part: of a large site both are hundreds of megabytes.
#[must_use]
pub fn report(mut ledger: Ledger, run: &Run) -> Report {
    let (capture, claims) = (capture(&ledger, run), claims(&ledger, run));
    let learned = learned(&ledger);
    ledger.let_go();
    let ids = Ids::of(&ledger.directory).into_all();
    let spoken = (streams(&ledger, &ids), sessions(&ledger));
    (ledger.streams, ledger.sessions) = (Streams::default(), Sessions::default());
    let rest = written((&ledger, &ids), run, (capture, &claims), spoken);
    drop(ledger);
    let findings = claims.into_iter().map(|claim| finding(claim, &ids)).collect();
    Report { learned, findings, ..rest }
}

/// The report as of now, of a ledger that goes on.
#[must_use]
pub fn snapshot(ledger: &Ledger, run: &Run) -> Report {
    let (claims, ids) = (claims(ledger, run), Ids::of(&ledger.directory).into_all());
    let spoken = (streams(ledger, &ids), sessions(ledger));
    let rest = written((ledger, &ids), run, (capture(ledger, run), &claims), spoken);
    let findings = claims.into_iter().map(|claim| finding(claim, &ids)).collect();
    Report { learned: learned(ledger), findings, ..rest }
}

/// Whom it was learned to expect.
#[must_use]
pub fn learned(ledger: &Ledger) -> Vec<Learned> {
    ledger.learned().into_iter().map(Learned::from).collect()
}

fn claims(ledger: &Ledger, run: &Run) -> Vec<finding::Finding> {
    let (first, last) = run.ends();
    let now = run.now();
    let mut claims = ledger.findings(now);
    let whole = (first.unwrap_or(now), last.unwrap_or(now));
    claims.extend(mirror_duplicates::finding(&run.counts, whole));
    claims.extend(mirror_truncated::finding(&run.counts, whole));
    claims.extend((0..).zip(&run.inputs).filter_map(|(index, input)| input_damaged::finding(index, input)));
    in_order(claims)
}

/// All but what was learned, and found.
fn written(
    (ledger, ids): (&Ledger, &BTreeMap<Number, String>),
    run: &Run,
    (capture, claims): (Capture, &[finding::Finding]),
    (streams, sessions): (Boxes<Stream>, Boxes<Session>),
) -> Report {
    let now = run.now();
    let mut devices: Boxes<Device> = ledger
        .directory
        .devices()
        .map(|(number, device)| Box::new(self::device(ledger, claims, number, device, ids, now)))
        .collect();
    devices.sort_by(|a, b| a.id.cmp(&b.id));
    let summary = summary(&devices, claims);
    Report {
        schema: "spanwatch/report/1",
        version: env!("CARGO_PKG_VERSION"),
        site: run.site.clone(),
        configuration: sha256(
            run.options
                .iter()
                .flat_map(|(name, value)| [*name, "=", value, "\n"])
                .collect::<String>()
                .as_bytes(),
        ),
        data: run.lists.clone(),
        capture,
        devices,
        switches: switches(ledger, ids),
        streams,
        sessions,
        learned: Vec::new(),
        findings: Vec::new(),
        summary,
    }
}

/// What the ledger finds as of `now`, in the report's words and order: all findings but those that the counts of a whole
/// capture make.
#[must_use]
pub fn findings(ledger: &Ledger, now: Time) -> Vec<Finding> {
    let (claims, ids) = (in_order(ledger.findings(now)), Ids::of(&ledger.directory));
    claims.into_iter().map(|claim| finding(claim, ids.all())).collect()
}

/// The same, and what became of devices since `pictures` were last asked: so many to be told anew at most; nothing of devices
/// where that is `None`.
#[must_use]
pub fn tick(
    ledger: &mut Ledger,
    now: Time,
    pictures: &mut Pictures,
    room: Option<usize>,
) -> (Vec<Finding>, Vec<(u32, Picture)>) {
    let changed = ledger.take_changed();
    let claims = in_order(ledger.findings(now));
    pictures.called(ledger, changed);
    let told = match room {
        Some(room) => pictures.since(ledger, &claims, (now, room)),
        None => Vec::new(),
    };
    let found = claims.iter().cloned().map(|claim| finding(claim, pictures.ids.all())).collect();
    ledger.told(claims);
    (found, told)
}

fn in_order(mut claims: Vec<finding::Finding>) -> Vec<finding::Finding> {
    claims.sort_unstable_by(|a, b| (a.severity, a.first_seen, &a.id).cmp(&(b.severity, b.first_seen, &b.id)));
    claims
}

/// How many devices are in which state, as of `now`.
#[must_use]
pub fn states(ledger: &Ledger, now: Time) -> BTreeMap<&'static str, u64> {
    let all = [State::Online, State::Offline, State::Unknown];
    let mut states: BTreeMap<_, u64> = all.into_iter().map(|state| (state.name(), 0)).collect();
    let mut unheard = ledger.directory.count() as u64;
    for state in ledger.verdict.states(now) {
        *states.entry(state.name()).or_default() += 1;
        unheard = unheard.saturating_sub(1);
    }
    *states.entry(State::Unknown.name()).or_default() += unheard;
    states
}

fn capture(ledger: &Ledger, run: &Run) -> Capture {
    let (first, last) = run.ends();
    let counts = &run.counts;
    let dropped: Vec<u64> = run.inputs.iter().filter_map(|input| input.dropped).collect();
    Capture {
        inputs: run.inputs.iter().map(capture_input).collect(),
        packets: counts.packets,
        bytes: counts.bytes,
        first: first.map(rfc3339),
        last: last.map(rfc3339),
        duplicates: counts.duplicates,
        dropped: (!dropped.is_empty()).then(|| dropped.iter().sum()),
        truncated: counts.truncated,
        undecodable: counts.undecodable.clone(),
        malformed: ledger
            .malformed
            .iter()
            .map(|((protocol, field), count)| (format!("{protocol}: {field}"), *count))
            .collect(),
        encapsulations: counts.encapsulations.clone(),
        vlans: counts.vlans.clone(),
        one_way_share: Decimal::share(counts.one_way, counts.flows),
        blind: ledger
            .blind
            .iter()
            .map(|blind| Blind {
                from: rfc3339(blind.from),
                to: rfc3339(blind.to),
                reason: match blind.why {
                    GapReason::BetweenInputs => "no input covers it",
                    GapReason::Silence => "nothing was heard from any source",
                    GapReason::PortDown => "the port had no link",
                    GapReason::Dropped(Dropper::Machine) => "this machine dropped too much",
                    GapReason::Dropped(Dropper::Mirror) => "the mirror dropped too much",
                },
            })
            .collect(),
        limits: ledger
            .all_limits()
            .iter()
            .map(|(what, limit)| Limit {
                what: (*what).to_owned(),
                cap: limit.cap,
                evicted: limit.evicted,
                first: rfc3339(limit.first),
            })
            .collect(),
        panics: ledger.panics(),
    }
}

fn capture_input(input: &Input) -> CaptureInput {
    CaptureInput {
        name: input.name.clone(),
        sha256: input.sha256.clone(),
        bytes: input.bytes,
        packets: input.packets,
        format: input.format.clone(),
        link_type: input.link_type.clone(),
        first: input.first.map(rfc3339),
        last: input.last.map(rfc3339),
        error: input.error.clone(),
        other_blocks: Some(input.other_blocks).filter(|count| *count > 0),
        dropped: input.sent.and(input.dropped),
        sent: input.sent,
        joined: input.joined,
    }
}

pub(super) fn device(
    ledger: &Ledger,
    claims: &[finding::Finding],
    number: Number,
    device: &crate::ledger::device::Device,
    ids: &BTreeMap<Number, String>,
    now: Time,
) -> Device {
    let best = |attribute| device.identity.best(attribute).map(|(value, _)| value.as_str().to_owned());
    let mut history = ledger.verdict.history(number, now);
    if let Some((from, _)) = history.first_mut() {
        // It was named before it was heard, by a fact of its first frame.
        *from = (*from).min(device.first_seen);
    }
    let cause_at = |from: Time| {
        let is_it =
            |claim: &&finding::Finding| claim.first_seen == from && claim.devices.first() == Some(&number);
        claims.iter().find(is_it).and_then(|claim| claim.cause).map(finding::Cause::name)
    };
    let ends = history.iter().skip(1).map(|(at, _)| Some(Stamp(*at))).chain([None]);
    let attachment = device.attachment.as_ref().map(|attachment| {
        let id = attachment.switch.as_ref().map(|said| ledger.switches.id_of(said));
        let name = id.as_ref().and_then(|id| ledger.switches.get(id)).and_then(|switch| switch.name.clone());
        Attachment {
            id: id.map(|id| id.as_str().to_owned()),
            name: name.map(|name| name.as_str().to_owned()),
            port: attachment.port.as_ref().map(|port| port.as_str().to_owned()),
            source: attachment.source,
            confidence: Decimal::confidence(attachment.confidence),
        }
    });
    let listed_name = device.listing.as_ref().and_then(|row| Some(row.name.as_ref()?.as_str().to_owned()));
    let others = device.macs.iter().skip(1).map(ToString::to_string);
    Device {
        id: ids.get(&number).cloned().unwrap_or_default(),
        aliases: others.chain(device.rare.former_ips.iter().copied().map(ip_text)).collect(),
        mac: device.macs.first().map(ToString::to_string),
        ips: device.ips.iter().copied().map(ip_text).collect(),
        vlans: device.vlans.iter().copied().collect(),
        kind: device.kind().0.to_owned(),
        vendor: best(Attribute::Vendor),
        model: best(Attribute::Model),
        firmware: best(Attribute::Firmware),
        serial: best(Attribute::Serial),
        name: listed_name.or_else(|| best(Attribute::Name)),
        hostname: best(Attribute::Hostname),
        confidence: Decimal::confidence(device.confidence()),
        role: device.role(),
        identity: device
            .identity
            .sights()
            .map(|sight| Identity {
                attribute: sight.attribute.name(),
                value: sight.value.clone(),
                confidence: Decimal::confidence(sight.strength),
                source: sight.source(),
                entry: sight.entry(),
                time: Stamp(sight.at),
                input: sight.cite.input(),
                frame: sight.cite.frame(),
            })
            .chain(device.bonds.iter().map(|(bond, witness)| bonded(bond, witness)))
            .collect(),
        services: device
            .services
            .iter()
            .map(|((transport, port, protocol), (first, last))| Service {
                transport,
                port: *port,
                protocol,
                first_seen: Stamp(*first),
                last_seen: Stamp(*last),
            })
            .collect(),
        state: history.last().map_or(State::Unknown, |(_, state)| *state).name(),
        history: history
            .iter()
            .zip(ends)
            .map(|((from, state), to)| History {
                from: Stamp(*from),
                to,
                state: state.name(),
                cause: (*state == State::Offline).then(|| cause_at(*from)).flatten(),
            })
            .collect(),
        switch: attachment,
        inventory: device.listing.as_ref().map(|row| row.shown()),
        tls: tls(ledger, number),
        profiles: device.rare.profiles.iter().map(profile).collect(),
        first_seen: Stamp(device.first_seen),
        last_seen: Stamp(device.last_seen),
        packets: device.packets,
        bytes: device.bytes,
    }
}

fn bonded(bond: &Bond, witness: &Witness) -> Identity {
    let (attribute, value) = match bond {
        Bond::Mac(mac) => ("mac", mac.to_string()),
        Bond::Ip(ip) => ("ip", ip_text(*ip)),
    };
    Identity {
        attribute,
        value: Text::from(value.as_str()),
        confidence: Decimal::confidence(witness.strength),
        source: witness.source,
        entry: None,
        time: Stamp(witness.at),
        input: witness.cite.input(),
        frame: witness.cite.frame(),
    }
}

fn profile(profile: &MediaProfile) -> Profile {
    Profile {
        token: profile.token.to_string(),
        name: profile.name.as_ref().map(ToString::to_string),
        codec: profile.codec.as_ref().map(ToString::to_string),
        width: profile.width,
        height: profile.height,
        frame_rate: profile.frame_rate,
        bitrate_bps: profile.bitrate_kbps.map(|kbps| u64::from(kbps).saturating_mul(1_000)),
    }
}

fn tls(ledger: &Ledger, number: Number) -> Vec<Tls> {
    let rows = ledger.handshakes.of(number).map(|(manner, row)| {
        let is_client = manner.role == TlsRole::Client;
        let ja3 = row.ja3.to_string();
        let certificate =
            manner.certificate.as_ref().and_then(|sha256| ledger.handshakes.certificate(sha256));
        let (ja3, ja3s) = if is_client { (Some(ja3), None) } else { (None, Some(ja3)) };
        Tls {
            role: if is_client { "client" } else { "server" },
            version: manner.version.map(|it| it.to_string()),
            offered: row.offered.map(|it| it.to_string()),
            cipher: manner.cipher.map(|it| it.to_string()),
            ja3,
            ja3s,
            ja4: manner.ja4.as_ref().map(ToString::to_string),
            sni: manner.server_name.as_ref().map(ToString::to_string),
            alpn: row.protocols.as_ref().map(ToString::to_string),
            certificate: certificate.map(self::certificate),
            first_seen: Stamp(row.first_seen),
            last_seen: Stamp(row.last_seen),
        }
    });
    rows.collect()
}

fn certificate(certificate: &spanwatch_parsers::Certificate) -> Certificate {
    Certificate {
        subject: certificate.subject.to_string(),
        issuer: certificate.issuer.to_string(),
        names: certificate.names.iter().map(ToString::to_string).collect(),
        not_before: rfc3339_of_seconds(certificate.not_before_s),
        not_after: rfc3339_of_seconds(certificate.not_after_s),
        key: certificate.key,
        key_bits: certificate.key_bits,
        signature: certificate.signature.to_string(),
        self_signed: certificate.is_self_signed,
        sha256: certificate.sha256.to_string(),
        public_key_sha256: certificate.key_sha256.to_string(),
    }
}

fn switches(ledger: &Ledger, ids: &BTreeMap<Number, String>) -> Vec<Switch> {
    let named = |numbers: &std::collections::BTreeSet<Number>| {
        let mut named: Vec<String> = numbers.iter().filter_map(|number| ids.get(number).cloned()).collect();
        named.sort_unstable();
        named
    };
    let place = |address: &str| {
        let device = match address.parse() {
            Ok(ip) => ledger.directory.find_ip(ip, None),
            Err(_) => Mac::from_text(address.as_bytes()).and_then(|mac| ledger.directory.find_mac(mac)),
        };
        let attachment = ledger.directory.device(device?)?.attachment.as_deref()?;
        Some((attachment.switch.clone()?, attachment.source))
    };
    ledger
        .switches
        .iter()
        .map(|(id, switch)| (id, switch, ledger.switches.parent(id, &place)))
        .map(|(id, switch, parent)| Switch {
            id: id.as_str().to_owned(),
            name: switch.name.as_ref().map(|name| name.as_str().to_owned()),
            parent: parent.as_ref().map(|(parent, _)| parent.as_str().to_owned()),
            parent_source: parent.map(|(_, source)| source),
            ports: switch
                .ports
                .iter()
                .map(|(name, port)| Port { name: name.as_str().to_owned(), devices: named(&port.devices) })
                .collect(),
            members: named(&switch.members),
            source: switch.source,
        })
        .collect()
}

/// What the report calls it.
pub(super) const fn transport(transport: StreamTransport) -> &'static str {
    match transport {
        StreamTransport::Udp => "udp",
        StreamTransport::Interleaved => "interleaved",
        StreamTransport::Multicast => "multicast",
    }
}

fn streams(ledger: &Ledger, ids: &BTreeMap<Number, String>) -> Boxes<Stream> {
    let mut streams: Vec<_> = ledger.streams.iter().collect();
    streams.sort_by_key(|stream| {
        (
            stream.source_ip,
            stream.destination(),
            stream.measured.ssrc,
            stream.first_seen,
            stream.measured.stream,
        )
    });
    let id_of = |number: Option<Number>, ip: std::net::IpAddr| {
        number.and_then(|it| ids.get(&it).cloned()).unwrap_or_else(|| ip.to_string())
    };
    streams
        .into_iter()
        .map(|stream| Stream {
            number: stream.measured.stream,
            source: id_of(stream.source, stream.source_ip),
            destination: id_of(ledger.directory.find_ip(stream.destination(), None), stream.destination()),
            transport: transport(stream.measured.transport),
            protocol: Some(if stream.is_encrypted { "srtp" } else { "rtp" }),
            codec: stream.codec.as_ref().map(|codec| codec.as_str().to_owned()),
            payload_type: stream.measured.payload_type,
            ssrc: Some(stream.measured.ssrc),
            packets: stream.packets,
            lost: stream.measured.lost,
            out_of_order: Some(stream.measured.out_of_order),
            duplicates: Some(stream.measured.duplicates),
            jitter_ms: Decimal::milliseconds(stream.jitter_us()),
            bitrate_bps: stream.bitrate_bps(),
            frame_rate: stream.frame_rate_tenths().map(Decimal::tenths),
            longest_gap_ms: u64::try_from(stream.longest_gap.0 / 1_000).ok().map(Decimal::milliseconds),
            first_seen: Stamp(stream.first_seen),
            last_seen: Stamp(stream.measured.last),
        })
        .map(Box::new)
        .collect()
}

fn sessions(ledger: &Ledger) -> Boxes<Session> {
    ledger
        .sessions
        .iter()
        .map(|(key, session, login)| Session {
            client: key.client,
            server: key.server,
            protocol: key.protocol,
            account: login.and_then(|login| login.account.as_ref()).map(|it| it.as_str().to_owned()),
            scheme: login.map(|login| login.scheme),
            outcome: login.map(|login| match login.outcome {
                Outcome::Accepted => "accepted",
                Outcome::Rejected => "rejected",
                Outcome::Unknown => "unknown",
            }),
            target: key.target.as_ref().map(|target| target.as_str().to_owned()),
            commands: session
                .commands
                .iter()
                .flat_map(|it| it.iter().map(|it| it.as_str().to_owned()))
                .collect(),
            bytes: session.bytes,
            first_seen: Stamp(session.first_seen),
            last_seen: Stamp(session.last_seen),
        })
        .map(Box::new)
        .collect()
}

fn finding(claim: finding::Finding, ids: &BTreeMap<Number, String>) -> Finding {
    Finding {
        id: claim.id,
        kind: claim.kind.id,
        category: claim.kind.category,
        severity: claim.severity.name(),
        confidence: Decimal::confidence(claim.confidence),
        owner: claim.owner.name(),
        first_check: claim.first_check,
        dispatch: claim.dispatch,
        devices: claim.devices.iter().filter_map(|number| ids.get(number).cloned()).collect(),
        switch: claim.switch,
        cause: claim.cause.map(finding::Cause::name),
        alternatives: claim
            .alternatives
            .into_iter()
            .map(|it| Alternative {
                cause: it.cause.name(),
                confidence: Decimal::confidence(it.confidence),
                speaks_for: it.speaks_for,
                speaks_against: it.speaks_against,
                would_change: it.would_change,
            })
            .collect(),
        revisions: claim
            .revisions
            .into_iter()
            .map(|it| Revision {
                time: rfc3339(it.at),
                cause: it.cause.name(),
                confidence: Decimal::confidence(it.confidence),
                because: it.because,
            })
            .collect(),
        supersedes: claim.supersedes,
        title: claim.title,
        summary: claim.summary,
        detail: claim.detail,
        remedy: claim.remedy,
        verify: claim.verify,
        evidence: claim
            .evidence
            .into_iter()
            .map(|it| Evidence {
                time: rfc3339(it.at),
                input: it.cite.map(|cite| cite.input()),
                frame: it.cite.map(|cite| cite.frame()),
                protocol: it.protocol,
                text: it.text,
            })
            .collect(),
        first_seen: rfc3339(claim.first_seen),
        detected: rfc3339(claim.detected),
        last_seen: rfc3339(claim.last_seen),
        ended: claim.ended.map(rfc3339),
        count: claim.count,
        references: References::of(claim.kind.id),
    }
}

#[allow(clippy::vec_box)]
fn summary(devices: &[Box<Device>], claims: &[finding::Finding]) -> Summary {
    let in_state = |state: &str| devices.iter().filter(|device| device.state == state).count() as u64;
    Summary {
        devices: devices.len() as u64,
        online: in_state("online"),
        degraded: in_state("degraded"),
        offline: in_state("offline"),
        unknown: in_state("unknown"),
        findings: Severity::ALL
            .into_iter()
            .map(|severity| {
                (severity.name(), claims.iter().filter(|it| it.severity == severity).count() as u64)
            })
            .collect(),
    }
}

/// The SHA-256 of something, in hex.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        let _ = write!(text, "{byte:02x}");
    }
    text
}
