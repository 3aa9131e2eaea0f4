//! Who writes the truth down: from ids and nanoseconds to names, MACs and times.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::{
    Device, Event, Expected, Form, Lost, Mirror, MustNot, Order, Port, Shown, Source, Stream, Switch, Visible,
};
use crate::fabric::{HostId, Plug, SwitchId};
use crate::incident::{self, Incident, Plan, Scene};
use crate::mirror::{Tags, Tunnel};
use crate::options::{Mix, Options, SECOND, Shape, Transport, View};
use crate::site::{Habit, Role, gateway_ip, vlan};
use crate::wire::calendar::Date;
use crate::world::World;

/// Who writes the truth down.
pub(super) struct Clerk<'a, 'o> {
    pub plan: &'a Plan,
    pub world: &'a World<'o>,
    pub scene: Scene<'a>,
}

impl Clerk<'_, '_> {
    pub fn device(&self, id: HostId) -> Device {
        let host = &self.plan.site.hosts[id];
        let mut ips: Vec<IpAddr> = match host.role {
            Role::Gateway => vlan::ALL.iter().map(|vlan| gateway_ip(*vlan).into()).collect(),
            _ => vec![host.ip.into(), self.world.ip(id).into()],
        };
        ips.extend(host.ip6.map(IpAddr::V6));
        ips.sort_unstable();
        ips.dedup();
        let shown = self.world.tap.shown[id];
        Device {
            name: host.name.clone(),
            kind: kind(host.role).to_owned(),
            vendor: host.product.vendor.to_owned(),
            model: host.product.model.to_owned(),
            firmware: host.product.firmware.to_owned(),
            serial: host.serial.clone(),
            mac: host.mac.to_string(),
            ips: ips.iter().map(ToString::to_string).collect(),
            vlan: (host.role != Role::Gateway).then_some(host.vlan),
            switch: self.plan.site.switches[host.plug.switch].name.clone(),
            port: (host.plug.port != 0).then(|| port(host.plug)),
            addressing: if host.has_lease { "dhcp" } else { "static" }.to_owned(),
            habit: host.media.map(|media| habit(media.habit).to_owned()),
            recorded_by: self.scene.recorder_of(id).map(|recorder| self.name(recorder)),
            mirror: (shown.frames > 0).then(|| Shown {
                frames: shown.frames,
                first: rfc3339(shown.first),
                last: rfc3339(shown.last),
            }),
        }
    }

    pub fn switch(&self, id: SwitchId) -> Switch {
        let site = &self.plan.site;
        let switch = &site.switches[id];
        let uplink = self.scene.uplink(id).map(|trunk| &site.trunks[trunk]);
        let devices = (0..site.hosts.len())
            .filter(|host| {
                let plug = site.hosts[*host].plug;
                plug.switch == id && plug.port != 0 && site.hosts[*host].role != Role::Internet
            })
            .map(|host| (site.hosts[host].plug, site.hosts[host].name.clone()));
        let switches = site
            .trunks
            .iter()
            .filter_map(|trunk| Some((trunk.end(id)?, site.switches[trunk.other(id)?.switch].name.clone())));
        let mut ports: Vec<(Plug, String)> = devices.chain(switches).collect();
        ports.sort_by_key(|(plug, _)| plug.port);
        Switch {
            name: switch.name.clone(),
            mac: switch.mac.to_string(),
            ip: site.hosts[switch.host].ip.to_string(),
            parent: uplink
                .and_then(|trunk| trunk.other(id))
                .map(|plug| site.switches[plug.switch].name.clone()),
            uplink: uplink.and_then(|trunk| trunk.end(id)).map(port),
            ports: ports.into_iter().map(|(plug, to)| Port { name: port(plug), to }).collect(),
            option82: switch.adds_option_82,
            feeds: switch.feeds,
            heard: self.scene.hears_switch(id),
        }
    }

    pub fn mirror(&self) -> Mirror {
        let options = &self.plan.options;
        let site = &self.plan.site;
        let sources = site.sources(options.view).into_iter().map(|source| Source {
            switch: site.switches[source.switch].name.clone(),
            ports: source.ports.map(|ports| ports.into_iter().map(|port| format!("ge{port}")).collect()),
            ingress: source.ingress,
            egress: source.egress,
        });
        let mut faults = Vec::new();
        if matches!(options.view, View::CoreBothWays | View::TwoSwitches) {
            faults.push("mirror-duplicates".to_owned());
        }
        if options.view == View::Uplink {
            faults.push("mirror-partial".to_owned());
        }
        if options.form.snap.is_some_and(|snap| snap < FULL_FRAME) {
            faults.push("mirror-truncated".to_owned());
        }
        Mirror {
            view: view(options.view).to_owned(),
            sources: sources.collect(),
            form: Form {
                tags: tags(options.form.tags).to_owned(),
                tunnel: options.form.tunnel.map(|it| tunnel(it).to_owned()),
                snap: options.form.snap,
            },
            faults,
        }
    }

    pub fn streams(&self) -> Vec<Stream> {
        let mut streams: Vec<_> = self.world.streams.iter().filter(|stream| stream.sent > 0).collect();
        streams.sort_by_key(|stream| (stream.first, stream.camera, stream.ssrc));
        streams
            .into_iter()
            .map(|stream| {
                let own_port = if stream.transport == Transport::Interleaved { RTSP } else { stream.ports.0 };
                let media = &stream.media;
                Stream {
                    camera: self.name(stream.camera),
                    receiver: self.name(stream.receiver),
                    source: format!("{}:{own_port}", stream.source),
                    destination: format!("{}:{}", stream.destination, stream.ports.1),
                    transport: transport(stream.transport).to_owned(),
                    ssrc: format!("{:08x}", stream.ssrc),
                    codec: if media.is_h265 { "H265" } else { "H264" }.to_owned(),
                    payload_type: crate::world::PAYLOAD_TYPE,
                    sent: stream.sent,
                    seen: stream.seen,
                    received: stream.received,
                    lost: Lost {
                        before: (stream.sent + stream.received_past)
                            .saturating_sub(stream.passed + stream.received),
                        mirror: stream.passed.saturating_sub(stream.seen),
                        behind: stream.passed.saturating_sub(stream.received_past),
                    },
                    first: rfc3339(stream.first),
                    last: rfc3339(stream.last),
                }
            })
            .collect()
    }

    pub fn event(&self, id: u32, incident: &Incident) -> Event {
        Event {
            id,
            kind: incident.kind.name.to_owned(),
            started: rfc3339(incident.started),
            ended: incident.ended.map(rfc3339),
            subjects: incident.subjects.iter().map(|subject| self.scene.name(*subject)).collect(),
            what: incident.what.clone(),
            expected: incident.expected.iter().map(|expected| self.expected(expected)).collect(),
            visible: incident
                .visible
                .iter()
                .map(|visible| Visible {
                    from: rfc3339(visible.from),
                    cause: visible.cause.to_owned(),
                    or: visible.or.iter().map(|it| (*it).to_owned()).collect(),
                })
                .collect(),
            may: incident.may.iter().map(|it| (*it).to_owned()).collect(),
            must_not: incident
                .must_not
                .iter()
                .map(|it| MustNot { kind: it.kind.to_owned(), devices: self.macs(&it.devices) })
                .collect(),
        }
    }

    fn expected(&self, expected: &incident::Expected) -> Expected {
        let owner = expected.owner();
        // A technician goes to what is broken on the spot and does not come back by itself.
        let goes = owner == "physical-security" && expected.until.is_none();
        let is_of_availability = AVAILABILITY.contains(&expected.kind);
        Expected {
            kind: expected.kind.to_owned(),
            or: expected.or.iter().map(|it| (*it).to_owned()).collect(),
            devices: self.macs(&expected.devices),
            switch: expected.switch.map(|switch| self.plan.site.switches[switch].mac.to_string()),
            cause: expected.cause.to_owned(),
            owner: owner.to_owned(),
            since: rfc3339(expected.since),
            until: expected.until.map(rfc3339),
            dispatch: is_of_availability.then(|| if goes { "yes" } else { "no" }.to_owned()),
        }
    }

    fn name(&self, id: HostId) -> String {
        self.plan.site.hosts[id].name.clone()
    }

    fn macs(&self, hosts: &[HostId]) -> Vec<String> {
        hosts.iter().map(|host| self.plan.site.hosts[*host].mac.to_string()).collect()
    }
}

pub(super) fn order(options: &Options) -> Order {
    Order {
        seed: options.seed,
        reserved: incident::is_reserved(options.seed),
        start: rfc3339(options.start),
        length_s: (options.length / SECOND) as u64,
        devices: options.devices,
        mix: match options.mix {
            Mix::Site => "site",
            Mix::Video => "video",
            Mix::Control => "control",
        }
        .to_owned(),
        shape: match options.shape {
            Shape::Tree => "tree",
            Shape::Ring => "ring",
            Shape::Redundant => "redundant",
        }
        .to_owned(),
        settled: options.is_settled,
    }
}

/// The kinds that nothing bears out: all of three categories, less what is due, follows, or holds throughout.
pub(super) fn quiet(incidents: &[Event], faults: &[String]) -> Vec<String> {
    let mut borne: BTreeSet<&str> = faults.iter().map(String::as_str).collect();
    for incident in incidents {
        borne.extend(incident.may.iter().map(String::as_str));
        for expected in &incident.expected {
            borne.insert(&expected.kind);
            borne.extend(expected.or.iter().map(String::as_str));
        }
    }
    let all: BTreeSet<&str> = [AVAILABILITY, NETWORK, CAPTURE].concat().into_iter().collect();
    all.difference(&borne).map(|kind| (*kind).to_owned()).collect()
}

/// RFC 3339, UTC, with nanoseconds.
pub(super) fn rfc3339(time: i64) -> String {
    let (seconds, rest) = (time.div_euclid(SECOND), time.rem_euclid(SECOND));
    let text = Date::of(seconds).iso();
    format!("{}.{rest:09}Z", text.trim_end_matches('Z'))
}

fn port(plug: Plug) -> String {
    format!("ge{}", plug.port)
}

const fn kind(role: Role) -> &'static str {
    match role {
        Role::Gateway => "router",
        Role::Switch(_) => "switch",
        Role::Camera => "camera",
        Role::Recorder => "recorder",
        Role::Vms => "vms",
        Role::AccessServer | Role::Internet => "server",
        Role::Controller => "access-controller",
        Role::Intercom => "intercom",
        Role::Viewer => "viewer",
        Role::Workstation => "workstation",
        Role::Printer => "printer",
    }
}

const fn habit(habit: Habit) -> &'static str {
    match habit {
        Habit::Always => "always",
        Habit::OnMotion => "motion",
        Habit::OnDemand => "demand",
        Habit::Sleeping => "sleeping",
    }
}

const fn view(view: View) -> &'static str {
    match view {
        View::Core => "core",
        View::CoreBothWays => "core-both-ways",
        View::Uplink => "uplink",
        View::TwoSwitches => "two-switches",
    }
}

const fn transport(transport: Transport) -> &'static str {
    match transport {
        Transport::Udp => "udp",
        Transport::Interleaved => "interleaved",
        Transport::Multicast => "multicast",
    }
}

const fn tags(tags: Tags) -> &'static str {
    match tags {
        Tags::None => "none",
        Tags::Both => "both",
        Tags::IngressOnly => "ingress",
        Tags::EgressOnly => "egress",
        Tags::Double { .. } => "double",
    }
}

const fn tunnel(tunnel: Tunnel) -> &'static str {
    match tunnel {
        Tunnel::Erspan1 => "erspan1",
        Tunnel::Erspan2 => "erspan2",
        Tunnel::Erspan3 => "erspan3",
        Tunnel::Gre => "gre",
        Tunnel::Vxlan { .. } => "vxlan",
    }
}

/// Kinds of the report's category availability that follow from what happens, not from what a device says.
const AVAILABILITY: &[&str] = &[
    "device-offline",
    "recorder-offline",
    "devices-offline-together",
    "device-flapping",
    "device-restarted",
    "boot-loop",
    "service-down",
    "admission-refused",
    "stream-stalled",
    "not-recorded",
    "stream-loss",
    "stream-loss-shared",
    "stream-loss-downstream",
];
const NETWORK: &[&str] = &[
    "switch-fault",
    "stp-topology-change",
    "stp-root-change",
    "port-flapping",
    "link-degraded",
    "power-fault",
    "mac-moving",
    "address-conflict",
    "switching-loop",
    "broadcast-storm",
    "rogue-dhcp",
    "dhcp-failed",
    "dhcp-exhausted",
    "rogue-ra",
    "neighbor-changed",
    "redundancy-lost",
    "path-congestion",
    "querier-missing",
    "wrong-segment",
    "time-source-lost",
];
const CAPTURE: &[&str] = &[
    "mirror-lost",
    "mirror-partial",
    "mirror-one-way",
    "mirror-drops",
    "mirror-duplicates",
    "mirror-truncated",
    "mirror-clock",
    "input-damaged",
];
/// A full Ethernet frame without its check sequence.
const FULL_FRAME: u32 = 1_514;
/// The port of RTSP, in whose connection interleaved media travels.
const RTSP: u16 = 554;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_their_nanoseconds() {
        assert_eq!(rfc3339(1_767_600_000 * SECOND + 5), "2026-01-05T08:00:00.000000005Z");
    }
}
