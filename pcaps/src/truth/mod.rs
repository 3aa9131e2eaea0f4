//! The truth about a capture, as a document: `spanwatch/truth/1`.
//!
//! It is written from the site, the mirror's place and the incidents alone; no reader of captures has a part in
//! it. `docs/simulator.md` describes every field. The format is frozen: what changes gets a new number.

mod clerk;

use serde::{Deserialize, Serialize};

use crate::incident::{Plan, Scene};
use crate::site::{Role, gateway_ip, vlan};
use crate::world::World;
use clerk::{Clerk, order, quiet, rfc3339};

/// The document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Truth {
    /// `spanwatch/truth/1`.
    pub schema: String,
    /// What was ordered.
    pub order: Order,
    /// What was captured.
    pub capture: Capture,
    /// Where and how the mirror looks.
    pub mirror: Mirror,
    /// VLANs, by number.
    pub vlans: Vec<Vlan>,
    /// Switches, the core first.
    pub switches: Vec<Switch>,
    /// Devices, by MAC; switches' own addresses among them, hosts of the Internet not.
    pub devices: Vec<Device>,
    /// Streams, by their first packet.
    pub streams: Vec<Stream>,
    /// Incidents, by their start.
    pub incidents: Vec<Event>,
    /// Kinds of findings of categories availability, network and capture that nothing here bears out.
    pub quiet: Vec<String>,
}

/// What was ordered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// The seed.
    pub seed: u64,
    /// Whether the seed is kept for reporting.
    pub reserved: bool,
    /// When the capture begins.
    pub start: String,
    /// How long it lasts.
    pub length_s: u64,
    /// How many devices, switches not counted.
    pub devices: u32,
    /// `site`, `video`, `control`.
    pub mix: String,
    /// `tree`, `ring`, `redundant`.
    pub shape: String,
    /// Whether the site was under way before.
    pub settled: bool,
}

/// What was captured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capture {
    /// Time of the first frame, by the capturing clock.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub started: Option<String>,
    /// Time of the last frame.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ended: Option<String>,
    /// Frames in the file, every copy counted.
    pub frames: u64,
}

/// Where and how the mirror looks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mirror {
    /// `core`, `core-both-ways`, `uplink`, `two-switches`.
    pub view: String,
    /// What it copies.
    pub sources: Vec<Source>,
    /// The form of the copies.
    pub form: Form,
    /// Kinds of findings about the mirror that are right throughout.
    pub faults: Vec<String>,
}

/// What the mirror copies on one switch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The switch's name.
    pub switch: String,
    /// The ports; all where there are none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ports: Option<Vec<String>>,
    /// What enters them.
    pub ingress: bool,
    /// What leaves them.
    pub egress: bool,
}

/// The form of the copies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Form {
    /// `none`, `both`, `ingress`, `egress`, `double`.
    pub tags: String,
    /// `erspan1`, `erspan2`, `erspan3`, `gre`, `vxlan`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tunnel: Option<String>,
    /// Bytes kept of each frame.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub snap: Option<u32>,
}

/// A VLAN.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vlan {
    /// Its number.
    pub id: u16,
    /// What it is for.
    pub name: String,
    /// Its gateway.
    pub gateway: String,
}

/// A switch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Switch {
    /// Its name, as LLDP tells it.
    pub name: String,
    /// Its bridge's MAC.
    pub mac: String,
    /// Its own address.
    pub ip: String,
    /// The switch towards the core.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub parent: Option<String>,
    /// Its port towards the core.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub uplink: Option<String>,
    /// What is plugged in where: ports with the names of devices or switches.
    pub ports: Vec<Port>,
    /// Whether it adds option 82 to its devices' DHCP.
    pub option82: bool,
    /// Whether it feeds cameras, controllers and intercoms.
    pub feeds: bool,
    /// Whether the mirror shows its LLDP and BPDUs.
    pub heard: bool,
}

/// A port of a switch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Port {
    /// Its name.
    pub name: String,
    /// What is plugged in.
    pub to: String,
}

/// A device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// Its name at the site.
    pub name: String,
    /// Its kind, in the report's words.
    pub kind: String,
    /// Its maker.
    pub vendor: String,
    /// Its model.
    pub model: String,
    /// Its firmware.
    pub firmware: String,
    /// Its serial number.
    pub serial: String,
    /// Its MAC.
    pub mac: String,
    /// Its addresses, those that incidents gave it included.
    pub ips: Vec<String>,
    /// Its VLAN; a router is in all of them.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub vlan: Option<u16>,
    /// Its switch.
    pub switch: String,
    /// The port there; none for a switch's own address.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub port: Option<String>,
    /// `dhcp` or `static`.
    pub addressing: String,
    /// When a camera sends: `always`, `motion`, `demand`, `sleeping`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub habit: Option<String>,
    /// Who records it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub recorded_by: Option<String>,
    /// What the mirror showed of it; nothing where it showed nothing.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub mirror: Option<Shown>,
}

/// What the mirror showed of a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    /// Frames it sent, each counted once.
    pub frames: u64,
    /// The first, by the site's clock.
    pub first: String,
    /// The last.
    pub last: String,
}

/// A stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stream {
    /// The camera's name.
    pub camera: String,
    /// The receiver's name.
    pub receiver: String,
    /// Address and port it comes from.
    pub source: String,
    /// Address and port it goes to.
    pub destination: String,
    /// `udp`, `interleaved`, `multicast`.
    pub transport: String,
    /// Synchronization source, as eight hexadecimal digits.
    pub ssrc: String,
    /// `H264`, `H265`.
    pub codec: String,
    /// RTP payload type.
    pub payload_type: u8,
    /// Packets sent during the capture.
    pub sent: u64,
    /// Packets that the mirror showed, each counted once.
    pub seen: u64,
    /// Packets that came to the receiver.
    pub received: u64,
    /// Where packets were lost.
    pub lost: Lost,
    /// The first packet sent during the capture.
    pub first: String,
    /// The last one.
    pub last: String,
}

/// Where packets of a stream were lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// Before they came by the mirror.
    pub before: u64,
    /// Came by, and were not copied, or their copies were lost.
    pub mirror: u64,
    /// Came by, and never came to the receiver.
    pub behind: u64,
}

/// An incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Its number, from 1, by start.
    pub id: u32,
    /// Its kind, of the simulator's catalogue.
    pub kind: String,
    /// When it begins.
    pub started: String,
    /// When all is well again; absent where that is not within the capture.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ended: Option<String>,
    /// Names of those it happens to, the first of all first.
    pub subjects: Vec<String>,
    /// What happens, in one sentence.
    pub what: String,
    /// The findings of somebody who sees everything.
    pub expected: Vec<Expected>,
    /// Which causes the traffic past this mirror proves, and from when; nothing: it cannot show the incident.
    pub visible: Vec<Visible>,
    /// Kinds of findings that follow from it and are no mistake.
    pub may: Vec<String>,
    /// Findings that would be mistakes.
    pub must_not: Vec<MustNot>,
}

/// A finding that is due.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expected {
    /// Its kind, in the report's words.
    pub kind: String,
    /// Kinds that say the same in other words, and count as well.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub or: Vec<String>,
    /// MACs, the subject first.
    pub devices: Vec<String>,
    /// MAC of the switch.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub switch: Option<String>,
    /// The true cause.
    pub cause: String,
    /// Whose turn it is.
    pub owner: String,
    /// When it failed.
    pub since: String,
    /// When it came back.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub until: Option<String>,
    /// Whether a technician is to go there: `yes` or `no`; of availability only.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub dispatch: Option<String>,
}

/// What is proved from a moment on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visible {
    /// The moment.
    pub from: String,
    /// The cause, in the report's words.
    pub cause: String,
    /// Causes that the same traffic would fit.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub or: Vec<String>,
}

/// A finding that would be a mistake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MustNot {
    /// Its kind.
    pub kind: String,
    /// About any of these MACs; about anybody where there are none.
    pub devices: Vec<String>,
}

impl Truth {
    /// The name of the format.
    pub const SCHEMA: &'static str = "spanwatch/truth/1";

    /// Writes down what a world was, once it has run.
    #[must_use]
    pub fn of(plan: &Plan, world: &World<'_>) -> Self {
        let scene = Scene::new(&plan.site, &plan.options);
        let clerk = Clerk { plan, world, scene };
        let mut devices: Vec<Device> = (0..plan.site.hosts.len())
            .filter(|id| plan.site.hosts[*id].role != Role::Internet)
            .map(|id| clerk.device(id))
            .collect();
        devices.sort_by(|a, b| (&a.mac, &a.name).cmp(&(&b.mac, &b.name)));
        let incidents: Vec<Event> =
            (1..).zip(&plan.incidents).map(|(id, incident)| clerk.event(id, incident)).collect();
        let mirror = clerk.mirror();
        let quiet = quiet(&incidents, &mirror.faults);
        Self {
            schema: Self::SCHEMA.to_owned(),
            order: order(&plan.options),
            capture: Capture {
                started: world.tap.span.map(|(first, _)| rfc3339(first)),
                ended: world.tap.span.map(|(_, last)| rfc3339(last)),
                frames: world.tap.written,
            },
            mirror,
            vlans: VLANS
                .iter()
                .map(|(id, name)| Vlan {
                    id: *id,
                    name: (*name).to_owned(),
                    gateway: gateway_ip(*id).to_string(),
                })
                .collect(),
            switches: (0..plan.site.switches.len()).map(|id| clerk.switch(id)).collect(),
            devices,
            streams: clerk.streams(),
            incidents,
            quiet,
        }
    }
}

const VLANS: &[(u16, &str)] = &[
    (vlan::CAMERAS, "cameras"),
    (vlan::ACCESS, "access control"),
    (vlan::SERVERS, "servers"),
    (vlan::OFFICE, "office"),
    (vlan::MANAGEMENT, "management"),
];
