//! One TOML file that says what a watch goes by: [`Config`].
//!
//! Every key is a row of [`keys::KEYS`], of which docs/config.md is made. What is wrong is said as
//! `FILE:LINE: what, and what would be right` ([`Fault`]): all unknown keys at once, else the first value that cannot be.
//! Secrets stand in files of their own, never here.

pub mod keys;
mod value;
mod zones;

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::io::Read as _;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

pub use value::{
    At, Expression, Facility, Hostname, Moment, Named, Severity, SyslogTarget, Url, Weekly, Within, Working,
};
pub use zones::Zone;

/// What a watch goes by.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The site's name.
    pub site: Option<String>,
    /// The site's own list of devices.
    pub inventory: Option<PathBuf>,
    /// Who has which public addresses.
    pub networks: Option<PathBuf>,
    /// The site's own fingerprints.
    pub fingerprints: Vec<PathBuf>,
    /// Only packets that match are analysed.
    pub filter: Option<Expression>,
    /// Whether no accepted login is compared with known passwords.
    pub no_password_test: bool,
    /// When people work at the site.
    pub working_hours: Vec<Working>,
    /// Worker threads.
    pub threads: Option<Within<1, 65_535>>,
    /// Ports.
    pub watch: Watch,
    /// Who gets syslog.
    pub syslog: Vec<Syslog>,
    /// Who gets webhooks.
    pub webhook: Vec<Webhook>,
    /// Where figures can be had.
    pub metrics: Option<Metrics>,
    /// Where it is kept what a watch has seen.
    pub store: Option<Store>,
    /// Which packets are kept there.
    pub recorder: Recorder,
    /// Parts of the site. Where devices are named, the names of zones have been replaced by what they consist of.
    pub zone: Vec<Zone>,
    /// When nobody is told of what befalls whom.
    pub maintenance: Vec<Maintenance>,
    /// Whose outages are told later.
    pub grace: Vec<Grace>,
    /// Where pages can be had.
    pub web: Option<Web>,
    /// Who may open sessions to whom.
    pub policy: Vec<Policy>,
    /// Who does what only few do.
    pub expected: Expected,
    /// Where it was read.
    #[serde(skip)]
    source: Source,
}

/// How to listen.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs)]
pub struct Watch {
    pub interfaces: Vec<String>,
    pub tunnels: Vec<String>,
    pub snaplen_bytes: Within<SNAPLEN_MIN, { spanwatch_capture::FRAME_MAX }>,
    pub buffer_mib: Within<1, 1_024>,
    pub duration_s: Option<Within<1, { u32::MAX }>>,
}

/// One receiver of syslog.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Syslog {
    pub to: SyslogTarget,
    #[serde(default)]
    pub severity: Severity,
    #[serde(default)]
    pub facility: Facility,
    pub hostname: Option<Hostname>,
    #[serde(default = "ca_file")]
    pub ca_file: PathBuf,
    pub certificate_file: Option<PathBuf>,
    pub key_file: Option<PathBuf>,
    #[serde(default = "queue_messages")]
    pub queue_messages: Within<1, QUEUE_MAX>,
}

/// One receiver of webhooks.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Webhook {
    pub to: Url,
    pub secret_file: PathBuf,
    #[serde(default)]
    pub severity: Severity,
    #[serde(default = "ca_file")]
    pub ca_file: PathBuf,
    #[serde(default = "queue_messages")]
    pub queue_messages: Within<1, QUEUE_MAX>,
}

/// Where figures can be had.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs)]
pub struct Metrics {
    pub listen: SocketAddr,
}

/// Where it is kept what a watch has seen.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs)]
pub struct Store {
    pub path: PathBuf,
    pub size_max_mib: Within<16, 1_048_576>,
    pub history_days: Within<1, 36_500>,
    pub findings_days: Within<1, 36_500>,
    pub minutes_days: Within<1, 36_500>,
    pub hours_days: Within<1, 36_500>,
}

/// Which packets are kept in a store.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs)]
pub struct Recorder {
    #[serde(rename = "off")]
    pub is_off: bool,
    pub size_max_mib: Within<1, 1_048_576>,
    pub hours: Within<1, 8_760>,
    pub media_bytes: Within<0, 65_535>,
    pub evidence_max_mib: Within<1, 1_048_576>,
    pub evidence_findings: Within<1, 65_536>,
    pub free_min_mib: Within<0, 1_048_576>,
}

/// A time in which nobody is told of incidents of some devices.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Maintenance {
    #[serde(default)]
    pub devices: Vec<Named>,
    pub from: Option<Moment>,
    pub until: Option<Moment>,
    pub weekly: Option<Weekly>,
    #[serde(default = "minutes")]
    pub minutes: Within<1, 10_080>,
}

/// Devices whose outages are told only where they last.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Grace {
    #[serde(default)]
    pub devices: Vec<Named>,
    pub seconds: Within<1, 86_400>,
}

/// Where pages can be had.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs)]
pub struct Web {
    pub listen: SocketAddr,
    pub certificate_file: Option<PathBuf>,
    pub key_file: Option<PathBuf>,
}

/// A rule about who may open sessions to whom.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Policy {
    pub from: Vec<Named>,
    #[serde(default)]
    pub to: Vec<Named>,
    #[serde(default)]
    pub ports: Vec<Within<1, 65_535>>,
    pub may: bool,
}

/// Who does what only few do: all of them, where a list is given.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs)]
pub struct Expected {
    pub viewers: Option<Vec<Named>>,
    pub dns: Option<Vec<Named>>,
    pub ntp: Option<Vec<Named>>,
    pub smtp: Option<Vec<Named>>,
    pub dhcp: Option<Vec<Named>>,
}

/// What is wrong in a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    file: PathBuf,
    /// From 1; `None` where it is of no line.
    line: Option<usize>,
    what: String,
}

/// A file, and where in it each key stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Source {
    file: PathBuf,
    /// By table, its number among its like, and key: lines from 1.
    lines: BTreeMap<(String, usize, String), usize>,
}

impl Config {
    /// Reads a file. Files that it names are taken to be relative to its folder, and are not opened.
    ///
    /// # Errors
    /// All that is wrong, as far as that can be told at once.
    pub fn read(file: &Path) -> Result<Self, Vec<Fault>> {
        let fault = |what| vec![Fault { file: file.to_owned(), line: None, what }];
        let mut bytes = Vec::new();
        File::open(file)
            .and_then(|opened| opened.take(BYTES_MAX + 1).read_to_end(&mut bytes))
            .map_err(|error| fault(error.to_string()))?;
        if bytes.len() as u64 > BYTES_MAX {
            return Err(fault(format!("longer than {BYTES_MAX} bytes, which no configuration is")));
        }
        let text = String::from_utf8(bytes).map_err(|_| fault("no UTF-8 text".to_owned()))?;
        Self::parse(&text, file)
    }

    /// Reads a text as if it stood in `file`.
    ///
    /// # Errors
    /// As of [`Config::read`].
    pub fn parse(text: &str, file: &Path) -> Result<Self, Vec<Fault>> {
        let fault = |at: Option<usize>, what: String| Fault {
            file: file.to_owned(),
            line: at.map(|at| line(text, at)),
            what,
        };
        let wrong = |error: toml::de::Error| {
            let what = error.message().replace('\n', "; ");
            vec![fault(error.span().map(|span| span.start), what)]
        };
        let table = DeTable::parse(text).map_err(wrong)?;
        let mut source = Source { file: file.to_owned(), lines: BTreeMap::new() };
        let mut unknown = Vec::new();
        for (key, value) in table.get_ref() {
            let name = key.get_ref().as_ref();
            let tables: Vec<&DeTable<'_>> = match value.get_ref() {
                DeValue::Table(table) => vec![table],
                DeValue::Array(array) if keys::is_table(name) => {
                    array.iter().filter_map(|it| it.get_ref().as_table()).collect()
                }
                _ => vec![],
            };
            if !keys::is_table(name) {
                source.met(("", 0), key, text);
                unknown.extend(keys::unknown("", name).map(|what| fault(Some(key.span().start), what)));
                continue;
            }
            for (index, table) in tables.into_iter().enumerate() {
                for key in table.keys() {
                    source.met((name, index), key, text);
                    let what = keys::unknown(name, key.get_ref());
                    unknown.extend(what.map(|what| fault(Some(key.span().start), what)));
                }
            }
        }
        if !unknown.is_empty() {
            unknown.sort_by_key(|fault| fault.line);
            return Err(unknown);
        }
        let mut config: Self = toml::from_str(text).map_err(wrong)?;
        config.paths().for_each(|path| {
            if let Some(folder) = file.parent() {
                *path = folder.join(&*path);
            }
        });
        config.source = source;
        config.resolve_zones().map_err(|fault| vec![fault])?;
        let is_timeless = |it: &Maintenance| match (&it.from, &it.until, &it.weekly) {
            (Some(from), Some(until), None) => from >= until,
            (None, None, Some(_)) => false,
            _ => true,
        };
        if let Some(index) = config.maintenance.iter().position(is_timeless) {
            let what =
                "maintenance is from a moment until a later one, or weekly: give from and until, or weekly";
            let key = ["until", "from", "weekly", "devices"].into_iter();
            let key = key.clone().find(|key| config.source.has(("maintenance", index, key)));
            return Err(vec![config.fault(("maintenance", index, key.unwrap_or("until")), what.to_owned())]);
        }
        let halves = |to: &Syslog| to.certificate_file.is_some() != to.key_file.is_some();
        if let Some(index) = config.syslog.iter().position(halves) {
            let what = "certificate_file and key_file go together: give both or none".to_owned();
            return Err(vec![config.fault(("syslog", index, "certificate_file"), what)]);
        }
        if config.web.as_ref().is_some_and(|it| it.certificate_file.is_some() != it.key_file.is_some()) {
            let what = "certificate_file and key_file go together: give both or none".to_owned();
            let key =
                ["certificate_file", "key_file"].into_iter().find(|key| config.source.has(("web", 0, key)));
            return Err(vec![config.fault(("web", 0, key.unwrap_or("listen")), what)]);
        }
        Ok(config)
    }

    /// That a value cannot be used, as turned out later: of `(table, its number among its like, key)`.
    #[must_use]
    pub fn fault(&self, (table, index, key): (&str, usize, &str), what: String) -> Fault {
        let line = |key: &str| self.source.lines.get(&(table.to_owned(), index, key.to_owned()));
        Fault { file: self.source.file.clone(), line: line(key).or_else(|| line("to")).copied(), what }
    }

    /// Every file that it names.
    fn paths(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        let Self { inventory, networks, fingerprints, syslog, webhook, store, web, .. } = self;
        let web = web.iter_mut().flat_map(|it| it.certificate_file.iter_mut().chain(&mut it.key_file));
        let syslog = syslog.iter_mut().flat_map(|it| {
            std::iter::once(&mut it.ca_file).chain(&mut it.certificate_file).chain(&mut it.key_file)
        });
        let webhook = webhook.iter_mut().flat_map(|it| [&mut it.ca_file, &mut it.secret_file]);
        let store = store.iter_mut().map(|it| &mut it.path);
        inventory
            .iter_mut()
            .chain(networks)
            .chain(fingerprints)
            .chain(syslog)
            .chain(webhook)
            .chain(store)
            .chain(web)
    }
}

impl Default for Watch {
    fn default() -> Self {
        Self {
            interfaces: Vec::new(),
            tunnels: Vec::new(),
            snaplen_bytes: Within::of::<{ spanwatch_capture::FRAME_MAX }>(),
            buffer_mib: Within::of::<64>(),
            duration_s: None,
        }
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], METRICS_PORT)) }
    }
}

impl Default for Store {
    fn default() -> Self {
        Self {
            path: PathBuf::from(STORE),
            size_max_mib: Within::of::<2_048>(),
            history_days: Within::of::<400>(),
            findings_days: Within::of::<1_100>(),
            minutes_days: Within::of::<7>(),
            hours_days: Within::of::<90>(),
        }
    }
}

impl Default for Recorder {
    fn default() -> Self {
        Self {
            is_off: false,
            size_max_mib: Within::of::<512>(),
            hours: Within::of::<24>(),
            media_bytes: Within::of::<0>(),
            evidence_max_mib: Within::of::<512>(),
            evidence_findings: Within::of::<4_096>(),
            free_min_mib: Within::of::<256>(),
        }
    }
}

impl Default for Web {
    fn default() -> Self {
        let listen = SocketAddr::from(([127, 0, 0, 1], WEB_PORT));
        Self { listen, certificate_file: None, key_file: None }
    }
}

impl Source {
    fn has(&self, (table, index, key): (&str, usize, &str)) -> bool {
        self.lines.contains_key(&(table.to_owned(), index, key.to_owned()))
    }

    fn met(&mut self, (table, index): (&str, usize), key: &Spanned<impl AsRef<str>>, text: &str) {
        let place = (table.to_owned(), index, key.get_ref().as_ref().to_owned());
        self.lines.insert(place, line(text, key.span().start));
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, "{line}:")?;
        }
        write!(f, " {}", self.what)
    }
}

/// Reads the first line of a file that holds a secret, without white space around it.
///
/// # Errors
/// In words: where it cannot be read, or by too many.
pub fn secret(file: &Path) -> Result<String, String> {
    let shown = file.display();
    let unread = |error| format!("{shown}: {error}");
    if fs::metadata(file).map_err(unread)?.permissions().mode() & OTHERS != 0 {
        return Err(format!("{shown}: everybody on this machine may read this secret; chmod 600 {shown}"));
    }
    let mut text = String::new();
    File::open(file)
        .and_then(|opened| opened.take(SECRET_BYTES_MAX).read_to_string(&mut text))
        .map_err(unread)?;
    Ok(text.lines().next().unwrap_or_default().trim().to_owned())
}

/// The line of a byte, from 1.
fn line(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count().saturating_add(1)
}

fn ca_file() -> PathBuf {
    PathBuf::from("/etc/ssl/certs/ca-certificates.crt")
}

const fn minutes() -> Within<1, 10_080> {
    Within::of::<60>()
}

const fn queue_messages() -> Within<1, QUEUE_MAX> {
    Within::of::<1_024>()
}

/// Where a store is, unless it is said otherwise.
pub const STORE: &str = "/var/lib/spanwatch";
/// Below that no header is whole.
pub const SNAPLEN_MIN: u32 = 96;
/// Messages of a queue: some kilobytes each.
const QUEUE_MAX: u32 = 16_384;
/// Of a configuration.
const BYTES_MAX: u64 = 1 << 20;
/// Of a file with a secret.
const SECRET_BYTES_MAX: u64 = 4_096;
/// The bits of a mode that are everybody's.
const OTHERS: u32 = 0o007;
/// Of the ports that Prometheus' exporters share among themselves, one that nobody has taken.
const METRICS_PORT: u16 = 9_947;
/// As the command line's.
const WEB_PORT: u16 = 8_443;

#[cfg(test)]
mod tests;
