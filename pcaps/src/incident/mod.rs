//! The catalogue of incidents: what goes wrong at a site, and what only looks as if it did.
//!
//! A [`Kind`] says what changes in the world at which moment, and writes down the truth of it: what somebody who
//! sees everything would report, and what the traffic past this mirror can prove. It knows the site, the mirror's
//! geometry and its own plan, and nothing of what any reader makes of the capture.
//!
//! ```text
//! order or draw ─► Kind ─► subject, start, length ─► Draft { changes, expected, visible, may, must not }
//! ```

mod cable;
mod dhcp;
mod mirror;
mod near_miss;
mod network;
mod order;
mod overlap;
mod plan;
mod power;
mod recorder;
mod scene;
mod service;
mod stream;
mod switch;

pub use order::{OrderError, is_reserved, random_order, time};
pub use plan::{Incident, Plan, PlanError, plan};
pub use scene::{Scene, Subject};

use crate::fabric::{HostId, SwitchId};
use crate::options::{Mix, Options};
use crate::world::Change;

/// A kind of incident.
pub struct Kind {
    /// Its name on the command line.
    pub name: &'static str,
    /// What happens, in one line.
    pub about: &'static str,
    /// Where it stands in the catalogue.
    pub family: Family,
    /// How long it lasts where nothing is said, in seconds: the least and the most.
    pub lasts_s: (i64, i64),
    /// What it wants the site and its mirror to be; called before the site is made.
    needs: fn(&mut Options),
    /// Whether it can happen to a subject.
    fits: fn(&Scene, Subject) -> Fit,
    /// What happens, and the truth of it.
    draft: fn(&mut Scene, Case) -> Draft,
}

/// A chapter of the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// Devices and their power.
    Power,
    /// Cables and ports of devices.
    Cable,
    /// Switches and the cables between them.
    Switch,
    /// The network as a whole.
    Network,
    /// Addresses.
    Dhcp,
    /// Recorders.
    Recorder,
    /// Media.
    Stream,
    /// The mirror and the clock of who watches.
    Mirror,
    /// What looks like an incident and is none.
    NearMiss,
}

/// Whether a kind can happen to a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fit {
    /// It cannot.
    No,
    /// It can, but is not drawn while there is a better one.
    Allowed,
    /// It can.
    Good,
}

/// One incident as it is about to be planned.
#[derive(Debug, Clone, Copy)]
struct Case {
    subject: Subject,
    /// When it begins, and when what is wrong is mended; beyond the capture where it never is.
    at: i64,
    end: i64,
}

/// What a kind makes of a case.
#[derive(Debug, Clone, Default)]
struct Draft {
    changes: Vec<(i64, Change)>,
    /// When all is well again; of what never is, beyond the capture.
    ended: Option<i64>,
    /// Subjects beside the case's own.
    others: Vec<Subject>,
    what: String,
    expected: Vec<Expected>,
    visible: Vec<Visible>,
    may: Vec<&'static str>,
    must_not: Vec<MustNot>,
    /// Hosts that feel it.
    touches: Vec<HostId>,
    /// Whether everybody feels it, so that nothing else can be told apart meanwhile.
    is_everywhere: bool,
    /// When the mirror shows nothing.
    blind: Vec<(i64, i64)>,
}

/// A finding that is due to who sees everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// Kind of finding.
    pub kind: &'static str,
    /// Kinds that say the same in other words.
    pub or: Vec<&'static str>,
    /// Whom it is about, the subject first.
    pub devices: Vec<HostId>,
    /// The switch it is about.
    pub switch: Option<SwitchId>,
    /// The cause.
    pub cause: &'static str,
    /// When it failed.
    pub since: i64,
    /// When it came back.
    pub until: Option<i64>,
}

/// What the traffic past the mirror can prove.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visible {
    /// From when.
    pub from: i64,
    /// The cause that it proves.
    pub cause: &'static str,
    /// Causes that it cannot tell from this one.
    pub or: Vec<&'static str>,
}

/// A finding that would be wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MustNot {
    /// Kind of finding.
    pub kind: &'static str,
    /// About these; about anybody where nobody is named.
    pub devices: Vec<HostId>,
}

/// All kinds, by family.
pub const ALL: &[&Kind] = &[
    &power::PROCESS_CRASH,
    &power::CAMERA_REBOOT,
    &power::POWER_CYCLE,
    &power::BOOT_LOOP,
    &power::CONTROLLER_OFFLINE,
    &power::POE_BUDGET,
    &cable::CABLE_PULL,
    &cable::PORT_FLAPPING,
    &switch::SWITCH_POWER,
    &switch::SWITCH_HANG,
    &switch::INTERMITTENT_SWITCH,
    &switch::UPLINK_CUT,
    &switch::UPLINK_FAILOVER,
    &network::STP_STORM,
    &network::ROOT_CHANGE,
    &network::LOOP,
    &network::BROADCAST_STORM,
    &network::VLAN_MISTAKE,
    &network::DUPLICATE_ADDRESS,
    &service::TIME_LOST,
    &service::ROGUE_ROUTER,
    &dhcp::DHCP_DEAD,
    &dhcp::DHCP_EXHAUSTED,
    &dhcp::DHCP_ROGUE,
    &recorder::RECORDER_DOWN,
    &recorder::RECORDER_HANG,
    &recorder::RECORDING_STOPPED,
    &stream::STREAM_STALL,
    &stream::LOSS_CAMERA,
    &stream::LOSS_UPLINK,
    &stream::UPLINK_FULL,
    &stream::LOSS_RECORDER,
    &mirror::MIRROR_LOST,
    &mirror::MIRROR_ONE_WAY,
    &mirror::MIRROR_PARTIAL,
    &mirror::MIRROR_DROPS,
    &mirror::MIRROR_DUPLICATES,
    &mirror::MIRROR_TAG_ONE_SIDE,
    &mirror::MIRROR_TRUNCATED,
    &mirror::MIRROR_ENCAPSULATED,
    &mirror::CLOCK_STEP_BACK,
    &mirror::CLOCK_STEP_FORWARD,
    &near_miss::MAINTENANCE_REBOOTS,
    &near_miss::MOTION_STREAM,
    &near_miss::ON_DEMAND_STREAM,
    &near_miss::SLEEPING_DEVICE,
    &near_miss::RECORDER_RECONNECT,
    &near_miss::LISTENING_PORT,
    &near_miss::STAND_IN,
    &near_miss::UPLINK_VIEW,
    &near_miss::SHORT_BLIP,
];

impl Kind {
    /// The kind of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        ALL.iter().copied().find(|kind| kind.name == name)
    }

    /// Whether it lasts as long as the capture, as a property of the site or the mirror does.
    #[must_use]
    pub const fn is_standing(&self) -> bool {
        self.lasts_s.1 == 0
    }
}

impl std::fmt::Debug for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl Family {
    /// Its heading.
    #[must_use]
    pub const fn heading(self) -> &'static str {
        match self {
            Self::Power => "Devices and their power",
            Self::Cable => "Cables and ports",
            Self::Switch => "Switches and uplinks",
            Self::Network => "The network",
            Self::Dhcp => "Addresses",
            Self::Recorder => "Recorders",
            Self::Stream => "Streams",
            Self::Mirror => "The mirror itself",
            Self::NearMiss => "Near misses: nothing is wrong",
        }
    }
}

impl Expected {
    fn new(
        kind: &'static str,
        cause: &'static str,
        devices: Vec<HostId>,
        (since, until): (i64, i64),
    ) -> Self {
        Self { kind, or: Vec::new(), devices, switch: None, cause, since, until: Some(until) }
    }

    fn or(mut self, kinds: &[&'static str]) -> Self {
        self.or.extend_from_slice(kinds);
        self
    }

    fn at_switch(mut self, switch: SwitchId) -> Self {
        self.switch = Some(switch);
        self
    }

    /// Whose turn it is: some kinds are always the network's, the others follow their cause.
    #[must_use]
    pub fn owner(&self) -> &'static str {
        match self.cause {
            _ if ALWAYS_IT.contains(&self.kind) => "it",
            "device" | "device-restart" | "service" | "recorder" => "physical-security",
            "unknown" => "unknown",
            _ => "it",
        }
    }
}

impl Case {
    /// The host it happens to; kinds of hosts are given no other subject.
    const fn host(&self) -> HostId {
        match self.subject {
            Subject::Host(host) => host,
            Subject::Switch(_) | Subject::Vlan(_) | Subject::Mirror => 0,
        }
    }
}

/// Hosts that are what is asked for.
fn fit(subject: Subject, is_it: impl Fn(HostId) -> bool) -> Fit {
    fit_or(subject, is_it, |_| false)
}

/// Hosts that are what is asked for, or else would do.
fn fit_or(subject: Subject, is_it: impl Fn(HostId) -> bool, would_do: impl Fn(HostId) -> bool) -> Fit {
    match subject {
        Subject::Host(host) if is_it(host) => Fit::Good,
        Subject::Host(host) if would_do(host) => Fit::Allowed,
        _ => Fit::No,
    }
}

/// Switches that are what is asked for.
fn fit_switch(subject: Subject, is_it: impl Fn(SwitchId) -> bool) -> Fit {
    match subject {
        Subject::Switch(switch) if is_it(switch) => Fit::Good,
        _ => Fit::No,
    }
}

/// Whether a host is no server and no switch.
fn is_at_access(scene: &Scene, host: HostId) -> bool {
    use crate::site::Role;
    let role = scene.host(host).role;
    matches!(
        role,
        Role::Camera | Role::Controller | Role::Intercom | Role::Viewer | Role::Workstation | Role::Printer
    )
}

/// A site that records.
fn has_recorders(options: &mut Options) {
    if options.mix == Mix::Control {
        options.mix = Mix::Site;
    }
}

impl Visible {
    fn new(from: i64, cause: &'static str) -> Self {
        Self { from, cause, or: Vec::new() }
    }

    fn or(mut self, causes: &[&'static str]) -> Self {
        self.or.extend_from_slice(causes);
        self
    }
}

impl MustNot {
    fn new(kinds: &[&'static str], devices: &[HostId]) -> Vec<Self> {
        kinds.iter().map(|kind| Self { kind, devices: devices.to_vec() }).collect()
    }
}

/// Kinds that belong to the network's people whatever the cause.
const ALWAYS_IT: &[&str] = &[
    "stream-loss-shared",
    "switch-fault",
    "stp-topology-change",
    "stp-root-change",
    "port-flapping",
    "power-fault",
    "address-conflict",
    "switching-loop",
    "broadcast-storm",
    "rogue-dhcp",
    "dhcp-failed",
    "dhcp-exhausted",
    "rogue-ra",
    "path-congestion",
    "time-source-lost",
    "redundancy-lost",
    "wrong-segment",
    "mirror-lost",
    "mirror-partial",
    "mirror-one-way",
    "mirror-drops",
    "mirror-duplicates",
    "mirror-truncated",
    "mirror-clock",
];
