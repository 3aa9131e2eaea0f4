//! The report: everything a replay knows, in the contract's words and order.
//!
//! [`Report`] is the schema `spanwatch/report/1` as Rust types; [`build`] fills it
//! from the ledger; the formats ([`json`], [`jsonl`], [`csv`], [`table`]) write it.

pub mod build;
pub mod changes;
pub mod courses;
pub mod csv;
mod decimal;
pub mod doctor;
pub mod explain;
mod ids;
pub mod incident;
pub mod json;
pub mod jsonl;
pub mod minutes;
pub mod mirror_check;
pub mod mirror_manuals;
pub mod picture;
pub mod read;
pub mod revive;
pub mod table;
#[cfg(test)]
mod test;
pub mod time;
pub mod timeline;

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use spanwatch_parsers::{Text, Time};
use time::Stamp;

use crate::detectors::references::References;
use crate::duplicate;
use crate::expected::Peer;
use crate::ledger::Coverage;
use crate::ledger::device::Role;
use crate::ledger::stream::StreamId;
use read::Word;

pub use decimal::Decimal;

/// What a reader says of one input.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Input {
    /// Relative to the argument it came from.
    pub name: String,
    /// Of the file as given, in hex; `None` where none was to be taken.
    pub sha256: Option<String>,
    /// Of the file as given.
    pub bytes: u64,
    /// Packets in it, before any filter.
    pub packets: u64,
    /// `pcap`, `pcapng`, `pcap+gzip`, ...
    pub format: String,
    /// Link types by name.
    pub link_type: String,
    /// Earliest packet.
    pub first: Option<Time>,
    /// Latest packet.
    pub last: Option<Time>,
    /// Packets that the capturing host says it lost.
    pub dropped: Option<u64>,
    /// Blocks of pcapng that hold neither packets nor anything about them.
    pub other_blocks: u64,
    /// What is wrong with it and where.
    pub error: Option<String>,
    /// Packets that a network port transmitted while it was listened on.
    pub sent: Option<u64>,
    /// Packets that a network port joined from several.
    pub joined: Option<u64>,
}

/// What the lower half counted over all inputs.
#[derive(Debug, Clone, Default)]
pub struct CaptureCounts {
    /// Frames analysed, after any filter.
    pub packets: u64,
    /// Their bytes on the wire.
    pub bytes: u64,
    /// Copies that the mirror made.
    pub duplicates: u64,
    /// Frames that the capture cut short.
    pub truncated: u64,
    /// Frames that could not be decoded, by reason.
    pub undecodable: BTreeMap<String, u64>,
    /// Encapsulations met, by name.
    pub encapsulations: BTreeMap<String, u64>,
    /// VLAN ids met.
    pub vlans: Vec<u16>,
    /// Flows with both directions expected, and those of them seen one way only.
    pub flows: u64,
    /// Of those, seen one way only.
    pub one_way: u64,
    /// Of those, with VLAN tags on one direction only.
    pub tagged_one_way: u64,
    /// Frames to a single receiver.
    pub unicast: u64,
    /// Frames larger than any cable carries.
    pub oversized: u64,
    /// Frames to a group.
    pub multicast: u64,
    /// Frames to all.
    pub broadcast: u64,
    /// Copies, by what tells them from the first.
    pub copies: duplicate::Counts,
    /// Frames that the mirror cut.
    pub cut_by_mirror: u64,
    /// How much of each device is seen.
    pub coverage: Coverage,
    /// Descriptions of neighbours (LLDP, CDP), and words of spanning trees.
    pub words_of_switches: (u64, u64),
    /// Tunnelled packets of which parts never came.
    pub tunnel_packets_incomplete: u64,
    /// When the first and the last frame came that was cut, by mirror or capture.
    pub cut: Option<(Time, Time)>,
    /// The most bytes that the capture kept of a frame that it cut.
    pub cut_at: usize,
    /// Frames missing by the mirror's own sequence numbers.
    pub lost_by_mirror: u64,
}

/// What a large site has many thousands of: each fits into the room that the analysis leaves, where all side by side would not.
#[allow(clippy::vec_box)]
pub type Boxes<T> = Vec<Box<T>>;

/// The report.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Report {
    /// `spanwatch/report/1`.
    #[serde(deserialize_with = "read::word")]
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub schema: Word,
    /// Of Spanwatch.
    #[serde(deserialize_with = "read::word")]
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub version: Word,
    /// The site's name, where one was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub site: Option<String>,
    /// SHA-256 of the options that can change the result.
    pub configuration: String,
    /// The data lists used.
    pub data: BTreeMap<String, DataList>,
    /// What was read and how good it was.
    pub capture: Capture,
    /// Sorted by id.
    #[cfg_attr(feature = "schema", schema(value_type = Vec<Device>))]
    pub devices: Boxes<Device>,
    /// Sorted by id.
    pub switches: Vec<Switch>,
    /// Sorted by source, destination, SSRC and first time.
    #[cfg_attr(feature = "schema", schema(value_type = Vec<Stream>))]
    pub streams: Boxes<Stream>,
    /// Sorted by client, server, protocol and target.
    #[cfg_attr(feature = "schema", schema(value_type = Vec<Session>))]
    pub sessions: Boxes<Session>,
    /// Whom it was learned to expect; sorted by role and name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub learned: Vec<Learned>,
    /// Sorted by severity, first time and id.
    pub findings: Vec<Finding>,
    /// Counts.
    pub summary: Summary,
}

/// Date and hash of a data list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct DataList {
    /// ISO 8601.
    pub date: String,
    /// In hex.
    pub sha256: String,
}

/// The `capture` object.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[allow(missing_docs)] // The contract names and explains these fields.
pub struct Capture {
    pub inputs: Vec<CaptureInput>,
    pub packets: u64,
    pub bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<String>,
    pub duplicates: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dropped: Option<u64>,
    pub truncated: u64,
    pub undecodable: BTreeMap<String, u64>,
    /// Messages that broke their specification, by protocol and field.
    pub malformed: BTreeMap<String, u64>,
    pub encapsulations: BTreeMap<String, u64>,
    pub vlans: Vec<u16>,
    #[cfg_attr(feature = "schema", schema(value_type = f64))]
    pub one_way_share: Decimal,
    pub blind: Vec<Blind>,
    pub limits: Vec<Limit>,
    /// How often code of Spanwatch's own failed, by what it is and its name; each time cost one message, packet or turn.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub panics: BTreeMap<String, u64>,
}

/// One of `capture.inputs`.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[allow(missing_docs)]
pub struct CaptureInput {
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    pub bytes: u64,
    pub packets: u64,
    pub format: String,
    pub link_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Blocks of pcapng that hold neither packets nor anything about them, as names and secrets, where there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other_blocks: Option<u64>,
    /// Of a network port: packets lost on this machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dropped: Option<u64>,
    /// Of a network port: packets that it transmitted meanwhile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sent: Option<u64>,
    /// Of a network port: packets that it joined from several (GRO, LRO).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub joined: Option<u64>,
}

/// One of `capture.blind`.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[allow(missing_docs)]
pub struct Blind {
    pub from: String,
    pub to: String,
    #[serde(deserialize_with = "read::word")]
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub reason: Word,
}

/// One of `capture.limits`.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[allow(missing_docs)]
pub struct Limit {
    pub what: String,
    pub cap: u64,
    pub evicted: u64,
    pub first: String,
}

/// One of `devices`.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[allow(missing_docs)]
pub struct Device {
    pub id: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mac: Option<String>,
    pub ips: Vec<String>,
    pub vlans: Vec<u16>,
    pub kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vendor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub firmware: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    #[cfg_attr(feature = "schema", schema(value_type = f64))]
    pub confidence: Decimal,
    /// What it does that tells its kind, and what that is worth: not written.
    #[serde(skip)]
    #[cfg_attr(feature = "schema", schema(ignore))]
    pub role: Option<Role>,
    pub identity: Vec<Identity>,
    pub services: Vec<Service>,
    #[serde(deserialize_with = "read::word")]
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub state: Word,
    pub history: Vec<History>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub switch: Option<Attachment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inventory: Option<BTreeMap<String, String>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tls: Vec<Tls>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub profiles: Vec<Profile>,
    #[cfg_attr(feature = "schema", schema(value_type = String, format = DateTime))]
    pub first_seen: Stamp,
    #[cfg_attr(feature = "schema", schema(value_type = String, format = DateTime))]
    pub last_seen: Stamp,
    pub packets: u64,
    pub bytes: u64,
}

/// One of `identity`.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[allow(missing_docs)]
pub struct Identity {
    #[serde(deserialize_with = "read::word")]
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub attribute: Word,
    /// The ledger's own: a large site's report has half a million.
    #[serde(serialize_with = "as_str", deserialize_with = "read::text")]
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub value: Text,
    #[cfg_attr(feature = "schema", schema(value_type = f64))]
    pub confidence: Decimal,
    #[serde(deserialize_with = "read::word")]
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub source: Word,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "read::maybe_word")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>))]
    pub entry: Option<Word>,
    #[cfg_attr(feature = "schema", schema(value_type = String, format = DateTime))]
    pub time: Stamp,
    pub input: u32,
    pub frame: u64,
}

/// One of `services`.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[allow(missing_docs)]
pub struct Service {
    #[serde(deserialize_with = "read::word")]
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub transport: Word,
    pub port: u16,
    #[serde(deserialize_with = "read::word")]
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub protocol: Word,
    #[cfg_attr(feature = "schema", schema(value_type = String, format = DateTime))]
    pub first_seen: Stamp,
    #[cfg_attr(feature = "schema", schema(value_type = String, format = DateTime))]
    pub last_seen: Stamp,
}

/// One of `tls`: a way in which the device was seen to speak it.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[allow(missing_docs)]
pub struct Tls {
    #[serde(deserialize_with = "read::word")]
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub role: Word,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The highest version that a client offers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offered: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cipher: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ja3: Option<String>,
    /// A server's JA3S.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ja3s: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ja4: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sni: Option<String>,
    /// The protocols inside that a client offers, the one that a server chose.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alpn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<Certificate>,
    #[cfg_attr(feature = "schema", schema(value_type = String, format = DateTime))]
    pub first_seen: Stamp,
    #[cfg_attr(feature = "schema", schema(value_type = String, format = DateTime))]
    pub last_seen: Stamp,
}

/// One of `profiles`: how the device says that it is set to send its pictures.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[allow(missing_docs)]
pub struct Profile {
    pub token: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub codec: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// At most so many pictures a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frame_rate: Option<u32>,
    /// At most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bitrate_bps: Option<u64>,
}

/// The `certificate` that a side of TLS proved itself with.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[allow(missing_docs)]
pub struct Certificate {
    pub subject: String,
    pub issuer: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    pub not_before: String,
    pub not_after: String,
    #[serde(deserialize_with = "read::word")]
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub key: Word,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_bits: Option<u32>,
    pub signature: String,
    pub self_signed: bool,
    pub sha256: String,
    pub public_key_sha256: String,
}

/// One of `history`.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[allow(missing_docs)]
pub struct History {
    #[cfg_attr(feature = "schema", schema(value_type = String, format = DateTime))]
    pub from: Stamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, format = DateTime))]
    pub to: Option<Stamp>,
    #[serde(deserialize_with = "read::word")]
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub state: Word,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "read::maybe_word")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>))]
    pub cause: Option<Word>,
}

/// A device's `switch`.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[allow(missing_docs)]
pub struct Attachment {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<String>,
    #[serde(deserialize_with = "read::word")]
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub source: Word,
    #[cfg_attr(feature = "schema", schema(value_type = f64))]
    pub confidence: Decimal,
}

/// One of `switches`.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[allow(missing_docs)]
pub struct Switch {
    pub id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The id of the switch that it hangs on, or of one further up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// Who says so: `stp` knows the root of its tree alone.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "read::maybe_word")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>))]
    pub parent_source: Option<Word>,
    pub ports: Vec<Port>,
    pub members: Vec<String>,
    #[serde(deserialize_with = "read::word")]
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub source: Word,
}

/// One of a switch's `ports`.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[allow(missing_docs)]
pub struct Port {
    pub name: String,
    pub devices: Vec<String>,
}

/// One of `streams`.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[allow(missing_docs)]
pub struct Stream {
    /// The ledger's own: not written.
    #[serde(skip)]
    #[cfg_attr(feature = "schema", schema(ignore))]
    pub number: StreamId,
    pub source: String,
    pub destination: String,
    #[serde(deserialize_with = "read::word")]
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub transport: Word,
    /// A store keeps neither this nor what else may be absent here.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "read::maybe_word")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>))]
    pub protocol: Option<Word>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub codec: Option<String>,
    pub payload_type: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ssrc: Option<u32>,
    pub packets: u64,
    pub lost: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub out_of_order: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duplicates: Option<u64>,
    #[cfg_attr(feature = "schema", schema(value_type = f64))]
    pub jitter_ms: Decimal,
    pub bitrate_bps: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<f64>))]
    pub frame_rate: Option<Decimal>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<f64>))]
    pub longest_gap_ms: Option<Decimal>,
    #[cfg_attr(feature = "schema", schema(value_type = String, format = DateTime))]
    pub first_seen: Stamp,
    #[cfg_attr(feature = "schema", schema(value_type = String, format = DateTime))]
    pub last_seen: Stamp,
}

/// One of `sessions`.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[allow(missing_docs)]
pub struct Session {
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub client: IpAddr,
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub server: IpAddr,
    #[serde(deserialize_with = "read::word")]
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub protocol: Word,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "read::maybe_word")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>))]
    pub scheme: Option<Word>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "read::maybe_word")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>))]
    pub outcome: Option<Word>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// What was ordered in it and done; without what was set.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<String>,
    pub bytes: u64,
    #[cfg_attr(feature = "schema", schema(value_type = String, format = DateTime))]
    pub first_seen: Stamp,
    #[cfg_attr(feature = "schema", schema(value_type = String, format = DateTime))]
    pub last_seen: Stamp,
}

/// One of `learned`: who does what only few do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[allow(missing_docs)]
pub struct Learned {
    /// `viewers`, `dns`, `ntp`, `smtp` or `dhcp`.
    #[serde(deserialize_with = "read::word")]
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub role: Word,
    /// A server's address, or a device's id.
    pub who: String,
    #[cfg_attr(feature = "schema", schema(value_type = String, format = DateTime))]
    pub since: Stamp,
}

impl From<Peer> for Learned {
    fn from(peer: Peer) -> Self {
        Self { role: peer.role.name(), who: peer.who, since: Stamp(peer.since) }
    }
}

/// One of `findings`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[allow(missing_docs)]
pub struct Finding {
    pub id: String,
    #[serde(deserialize_with = "read::word")]
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub kind: Word,
    #[serde(deserialize_with = "read::word")]
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub category: Word,
    #[serde(deserialize_with = "read::word")]
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub severity: Word,
    #[cfg_attr(feature = "schema", schema(value_type = f64))]
    pub confidence: Decimal,
    #[serde(deserialize_with = "read::word")]
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub owner: Word,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_check: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "read::maybe_word")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>))]
    pub dispatch: Option<Word>,
    pub devices: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub switch: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "read::maybe_word")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>))]
    pub cause: Option<Word>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alternatives: Vec<Alternative>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub revisions: Vec<Revision>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub supersedes: Vec<String>,
    pub title: String,
    pub summary: String,
    pub detail: String,
    pub remedy: String,
    pub verify: String,
    pub evidence: Vec<Evidence>,
    pub first_seen: String,
    pub detected: String,
    pub last_seen: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
    pub count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub references: Option<References>,
}

/// One of `alternatives`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[allow(missing_docs)]
pub struct Alternative {
    #[serde(deserialize_with = "read::word")]
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub cause: Word,
    #[cfg_attr(feature = "schema", schema(value_type = f64))]
    pub confidence: Decimal,
    #[serde(rename = "for")]
    pub speaks_for: Vec<usize>,
    #[serde(rename = "against")]
    pub speaks_against: Vec<usize>,
    #[serde(deserialize_with = "read::word")]
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub would_change: Word,
}

/// One of `revisions`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[allow(missing_docs)]
pub struct Revision {
    pub time: String,
    #[serde(deserialize_with = "read::word")]
    #[cfg_attr(feature = "schema", schema(value_type = String))]
    pub cause: Word,
    #[cfg_attr(feature = "schema", schema(value_type = f64))]
    pub confidence: Decimal,
    pub because: String,
}

/// One of `evidence`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[allow(missing_docs)]
pub struct Evidence {
    pub time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frame: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "read::maybe_word")]
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>))]
    pub protocol: Option<Word>,
    pub text: String,
}

/// The `summary` object.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[allow(missing_docs)]
pub struct Summary {
    pub devices: u64,
    pub online: u64,
    pub degraded: u64,
    pub offline: u64,
    pub unknown: u64,
    #[serde(deserialize_with = "read::words_counted")]
    #[cfg_attr(feature = "schema", schema(value_type = BTreeMap<String, u64>))]
    pub findings: BTreeMap<Word, u64>,
}

fn as_str<S: serde::Serializer>(text: &Text, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text.as_str())
}
