//! What is asked of the simulator.

use crate::mirror::Form;
use crate::site::Habit;
use crate::wire::calendar::Date;

/// A second in nanoseconds.
pub const SECOND: i64 = 1_000_000_000;
/// A millisecond in nanoseconds.
pub const MILLISECOND: i64 = 1_000_000;

/// The order for one capture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Chooses everything that is not ordered.
    pub seed: u64,
    /// When the capture begins, in nanoseconds since 1970.
    pub start: i64,
    /// How long it lasts, in nanoseconds.
    pub length: i64,
    /// How many devices the site has, switches not counted; at least 5.
    pub devices: u32,
    /// What the devices are.
    pub mix: Mix,
    /// How the switches are cabled.
    pub shape: Shape,
    /// Pictures a second of each camera; of their kind where nothing is said.
    pub frame_rate: Option<u32>,
    /// Bits a second of each camera; of their kind where nothing is said.
    pub bit_rate: Option<u64>,
    /// How cameras send; drawn for each where nothing is said.
    pub transport: Option<Transport>,
    /// When the first cameras send, in their order, whatever would be drawn; so that there is one of each.
    pub habits: Vec<Habit>,
    /// Whether the site is well under way when the capture begins, rather than just being switched on.
    pub is_settled: bool,
    /// Which ports the mirror copies.
    pub view: View,
    /// In which form.
    pub form: Form,
    /// Incidents ordered by name.
    pub incidents: Vec<IncidentOrder>,
    /// Incidents drawn at random in addition.
    pub random_incidents: u32,
}

/// What a site's devices are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mix {
    /// Cameras for the most part, recorders, door controllers, intercoms, and an office beside them.
    Site,
    /// Cameras and recorders alone.
    Video,
    /// Everything but media: controllers, intercoms, sensors of the office kind, cameras on demand.
    Control,
}

/// How switches are cabled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Each switch has one way to the core.
    Tree,
    /// Access switches form rings of up to six that begin and end at the core.
    Ring,
    /// Each access switch has a second cable to the core, blocked while the first one is well.
    Redundant,
}

/// How a camera sends its media.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// RTP over UDP to the recorder.
    Udp,
    /// RTP inside the RTSP connection.
    Interleaved,
    /// RTP over UDP to a group.
    Multicast,
}

/// Which ports the mirror copies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// What enters any port of the core: each frame that crosses the core once.
    Core,
    /// What enters and what leaves any port of the core: each frame at least twice.
    CoreBothWays,
    /// What enters and leaves the uplink of the first access switch, nothing else.
    Uplink,
    /// What enters any port of the core or of any access switch: some frames at two switches.
    TwoSwitches,
}

/// An incident ordered by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncidentOrder {
    /// Its kind.
    pub kind: String,
    /// When, in nanoseconds after the start; drawn where nothing is said.
    pub after: Option<i64>,
    /// The device or switch, by name; drawn where nothing is said.
    pub subject: Option<String>,
    /// How long it lasts, in nanoseconds; of its kind where nothing is said.
    pub length: Option<i64>,
}

impl Options {
    /// The arguments of `spanwatch simulate` that ask for the same, but for habits, which a command line cannot
    /// order, and for parts of a second in `start`.
    #[must_use]
    pub fn arguments(&self) -> String {
        let mut all = vec![
            format!("--seed {} --devices {} --length {}s", self.seed, self.devices, self.length / SECOND),
            format!("--start {}", Date::of(self.start.div_euclid(SECOND)).iso()),
        ];
        let mut choose = |option: &str, choice: Option<&str>| {
            all.extend(choice.map(|choice| format!("--{option} {choice}")));
        };
        choose(
            "mix",
            match self.mix {
                Mix::Site => None,
                Mix::Video => Some("video"),
                Mix::Control => Some("control"),
            },
        );
        choose(
            "shape",
            match self.shape {
                Shape::Tree => None,
                Shape::Ring => Some("ring"),
                Shape::Redundant => Some("redundant"),
            },
        );
        choose(
            "view",
            match self.view {
                View::Core => None,
                View::CoreBothWays => Some("core-both-ways"),
                View::Uplink => Some("uplink"),
                View::TwoSwitches => Some("two-switches"),
            },
        );
        choose(
            "transport",
            match self.transport {
                None => None,
                Some(Transport::Udp) => Some("udp"),
                Some(Transport::Interleaved) => Some("interleaved"),
                Some(Transport::Multicast) => Some("multicast"),
            },
        );
        choose("form", Some(self.form.to_string().as_str()).filter(|form| *form != "plain"));
        all.extend(self.frame_rate.map(|rate| format!("--frame-rate {rate}")));
        all.extend(self.bit_rate.map(|rate| format!("--bit-rate {rate}")));
        all.extend(self.incidents.iter().map(|order| format!("--incident {order}")));
        all.extend((!self.is_settled).then(|| "--from-boot".to_owned()));
        all.extend((self.random_incidents > 0).then(|| format!("--random {}", self.random_incidents)));
        all.join(" ")
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            seed: 1,
            // 2026-01-05, a Monday, 08:00 UTC.
            start: 1_767_600_000 * SECOND,
            length: 300 * SECOND,
            devices: 20,
            mix: Mix::Site,
            shape: Shape::Tree,
            frame_rate: None,
            bit_rate: None,
            transport: None,
            habits: Vec::new(),
            is_settled: false,
            view: View::Core,
            form: Form::default(),
            incidents: Vec::new(),
            random_incidents: 0,
        }
    }
}
