//! What a program that watches gives up once its ports are open: [`confine`].
//!
//! ```text
//! as root, or with CAP_NET_RAW ──► ports are opened ──► confine() ──► threads, store, outputs, pages
//!                                                        no capability, none to be had again (no_new_privs),
//!                                                        files and TCP as far as they are needed (Landlock)
//! ```
//!
//! Whoever takes over a parser by a packet then has the rights of one folder, and cannot open another port to listen on.
//! All of it holds for the calling thread and for those that it starts afterwards, so that it is called before any.
//!
//! Source: `capabilities(7)`; Linux, `Documentation/userspace-api/no_new_privs.rst` and `landlock.rst`.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, LandlockStatus, NetPort,
    RestrictionStatus, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
    path_beneath_rules,
};
use rustix::io::Errno;
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, capability_is_in_bounding_set, clear_ambient_capability_set,
    remove_capability_from_bounding_set, set_capabilities, set_no_new_privs,
};

use crate::config::{Config, SyslogTarget};
use crate::store::Store;

/// What is needed all the same.
#[derive(Debug, Clone, Default)]
pub struct Needs {
    /// Files and folders that are read, beside those of the system.
    pub reads: Vec<PathBuf>,
    /// Folders in which files are written and read.
    pub writes: Vec<PathBuf>,
    /// TCP ports that are listened on.
    pub listens: Vec<u16>,
    /// TCP ports of others that are connected to.
    pub connects: Vec<u16>,
    /// Whether what is read and written may belong to anybody, where root began.
    pub reads_of_all: bool,
}

/// What was given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confined {
    capabilities: CapabilitySet,
    writes: Vec<PathBuf>,
    connects: Vec<u16>,
    files: Files,
}

/// How far Landlock holds.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Files {
    Wholly,
    /// This kernel knows a part of it.
    Partly,
    /// It does not hold, for that reason.
    Not(String),
}

/// Why capabilities could not be given up.
#[derive(Debug, thiserror::Error)]
#[error("the rights that a watch no longer needs could not be given up: {0}")]
pub struct Unconfined(#[from] Errno);

impl Needs {
    /// Of who writes a report to a file, where it does.
    #[must_use]
    pub fn output(file: Option<&Path>) -> Self {
        let mut needs = Self::default();
        if let Some(file) = file {
            let at = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
            let folder = at.parent().filter(|folder| !folder.as_os_str().is_empty());
            needs.writes.push(folder.unwrap_or(Path::new(".")).to_owned());
            needs.writes.extend(at.is_file().then_some(at));
        }
        needs
    }

    /// Adds a store's folder, where one is wanted, and makes it.
    pub fn keeps_in(&mut self, store: Option<&Path>) {
        if let Some(dir) = store {
            // Where that fails, opening it says why.
            let _ = Store::folder(dir);
            self.writes.push(dir.to_owned());
        }
    }

    /// Adds what the receivers of a configuration and its figures need.
    pub fn of(&mut self, config: &Config) {
        self.listens.extend(config.metrics.as_ref().map(|it| it.listen.port()));
        self.connects.extend(config.syslog.iter().filter_map(|it| match &it.to {
            SyslogTarget::Udp(_) => None,
            SyslogTarget::Tcp(at) | SyslogTarget::Tls(at) => Some(at.port),
        }));
        self.connects.extend(config.webhook.iter().map(|it| it.to.port()));
        let web = config.web.iter().flat_map(|it| [&it.certificate_file, &it.key_file]);
        self.reads.extend(web.flatten().cloned());
        if !self.connects.is_empty() {
            // Names are asked over TCP where the answer is long.
            self.connects.push(DNS);
        }
    }
}

/// Gives up all capabilities, the way to get any, and all files and TCP ports that are not needed.
/// Where the kernel does not know Landlock, the last is left out, and said.
///
/// # Errors
/// Where the kernel refuses to take a capability.
pub fn confine(needs: &Needs) -> Result<Confined, Unconfined> {
    set_no_new_privs(true)?;
    let files = match restrict(needs) {
        Ok(RestrictionStatus { ruleset: RulesetStatus::FullyEnforced, .. }) => Files::Wholly,
        Ok(RestrictionStatus { ruleset: RulesetStatus::PartiallyEnforced, .. }) => Files::Partly,
        Ok(RestrictionStatus { landlock: LandlockStatus::NotEnabled, .. }) => {
            Files::Not("Landlock is off in this kernel".to_owned())
        }
        Ok(_) => Files::Not("this kernel has no Landlock".to_owned()),
        Err(error) => Files::Not(error.to_string()),
    };
    let of_all = CapabilitySet::DAC_READ_SEARCH | CapabilitySet::DAC_OVERRIDE | CapabilitySet::CHOWN;
    let kept = if needs.reads_of_all { of_all } else { CapabilitySet::empty() };
    let capabilities = drop_capabilities(kept)?;
    let mut connects = needs.connects.clone();
    connects.sort_unstable();
    connects.dedup();
    Ok(Confined { capabilities, writes: needs.writes.clone(), connects, files })
}

/// Gives up all but those of `kept` that were there; gives what is left.
fn drop_capabilities(kept: CapabilitySet) -> Result<CapabilitySet, Errno> {
    for number in 0..CAPABILITIES_MAX {
        let one = CapabilitySet::from_bits_retain(1 << number);
        match capability_is_in_bounding_set(one) {
            // Only who has CAP_SETPCAP may; nobody else gets from it what no_new_privs forbids.
            Ok(true) => match remove_capability_from_bounding_set(one) {
                Ok(()) | Err(Errno::PERM) => {}
                Err(error) => return Err(error),
            },
            Ok(false) => {}
            // The kernel has no more.
            Err(_) => break,
        }
    }
    // Linux before 4.3 has no ambient ones.
    let _ = clear_ambient_capability_set();
    let left = capabilities(None)?.permitted.intersection(kept);
    let inheritable = CapabilitySet::empty();
    set_capabilities(None, CapabilitySets { effective: left, permitted: left, inheritable })?;
    Ok(left)
}

fn restrict(needs: &Needs) -> Result<RestrictionStatus, RulesetError> {
    let reads = AccessFs::ReadFile | AccessFs::ReadDir;
    let writes: BitFlags<AccessFs> = AccessFs::from_write(LANDLOCK) | reads;
    let port = |access: AccessNet| move |port: &u16| Ok::<_, RulesetError>(NetPort::new(*port, access));
    Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(LANDLOCK))?
        .handle_access(AccessNet::from_all(LANDLOCK))?
        .scope(Scope::from_all(LANDLOCK))?
        .create()?
        .add_rules(path_beneath_rules(SYSTEM, reads))?
        .add_rules(path_beneath_rules(&needs.reads, reads))?
        .add_rules(path_beneath_rules(&needs.writes, writes))?
        .add_rules(needs.listens.iter().map(port(AccessNet::BindTcp)))?
        .add_rules(needs.connects.iter().map(port(AccessNet::ConnectTcp)))?
        .restrict_self()
}

impl fmt::Display for Confined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let left =
            if self.capabilities.is_empty() { "no capabilities" } else { "no capability but over files" };
        write!(f, "confined: {left}, none to be gained")?;
        match &self.files {
            Files::Not(why) => return write!(f, "; files and connections are not: {why}"),
            Files::Partly => write!(f, "; as far as this kernel's Landlock goes it")?,
            Files::Wholly => write!(f, "; it")?,
        }
        let folders: Vec<String> = self.writes.iter().map(|it| it.display().to_string()).collect();
        let ports: Vec<String> = self.connects.iter().map(ToString::to_string).collect();
        match folders.is_empty() {
            true => write!(f, " writes no file, starts no program")?,
            false => write!(f, " writes only in {}, starts no program", folders.join(", "))?,
        }
        match ports.is_empty() {
            true => write!(f, ", connects to no TCP port"),
            false => write!(f, ", connects only to TCP ports {}", ports.join(", ")),
        }
    }
}

/// The rights that are asked for: those of Linux 6.12. An older kernel holds those it knows.
const LANDLOCK: ABI = ABI::V6;
/// What the C library and the kernel's own counters are read from while it runs: names and addresses, time zones, ports.
const SYSTEM: [&str; 11] = [
    "/usr",
    "/lib",
    "/lib64",
    "/etc",
    "/proc",
    "/sys",
    "/dev",
    "/run/systemd/resolve",
    "/run/NetworkManager",
    "/run/resolvconf",
    "/run/nscd",
];
/// The kernel's sets have room for so many.
const CAPABILITIES_MAX: u32 = 64;
const DNS: u16 = 53;

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;
    use std::net::{TcpListener, TcpStream};
    use std::thread::Builder;

    use super::*;

    /// Confines a thread, which ends, and gives what it found.
    fn within<T: Send + 'static>(needs: Needs, tries: impl FnOnce() -> T + Send + 'static) -> (Confined, T) {
        let confined = Builder::new().spawn(move || (confine(&needs).unwrap(), tries()));
        confined.unwrap().join().unwrap()
    }

    fn status() -> String {
        fs::read_to_string("/proc/thread-self/status").unwrap()
    }

    #[test]
    fn no_capability_is_left_and_none_can_be_gained() {
        let (_, status) = within(Needs::default(), status);
        for line in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
            assert!(status.contains(&format!("{line}:\t0000000000000000\n")), "{status}");
        }
        assert!(status.contains("NoNewPrivs:\t1\n"), "{status}");
    }

    #[test]
    fn only_what_is_needed_can_be_written_and_connected_to() {
        let folder = std::env::temp_dir().join(format!("spanwatch-confined-{}", std::process::id()));
        let [own, other] = ["own", "other"].map(|name| folder.join(name));
        [&own, &other].into_iter().for_each(|it| fs::create_dir_all(it).unwrap());
        let listeners = [0, 1].map(|_| TcpListener::bind("127.0.0.1:0").unwrap());
        let [known, unknown] = listeners.each_ref().map(|it| it.local_addr().unwrap());
        let needs = Needs { writes: vec![own.clone()], connects: vec![known.port()], ..Needs::default() };
        let (confined, tried) = within(needs, move || {
            let write = |folder: &Path| fs::write(folder.join("x"), "x").map_err(|error| error.kind());
            let connect = |at| TcpStream::connect(at).map(drop).map_err(|error| error.kind());
            (write(&own), write(&other), connect(known), connect(unknown))
        });
        fs::remove_dir_all(&folder).unwrap();
        if confined.files != Files::Wholly {
            // This kernel cannot; that it says so is all that is to be seen here.
            assert!(confined.to_string().contains("Landlock"), "{confined}");
            return;
        }
        let denied = Err(ErrorKind::PermissionDenied);
        assert_eq!(tried, (Ok(()), denied, Ok(()), denied));
        assert!(confined.to_string().contains("writes only in "), "{confined}");
    }

    #[test]
    fn a_kernel_without_landlock_is_named() {
        let files = Files::Not("this kernel has no Landlock".to_owned());
        let capabilities = CapabilitySet::empty();
        let told = Confined { capabilities, writes: Vec::new(), connects: Vec::new(), files }.to_string();
        assert!(told.ends_with("files and connections are not: this kernel has no Landlock"), "{told}");
    }

    #[test]
    fn an_output_needs_its_folder() {
        assert_eq!(Needs::output(Some(Path::new("no-such-report.json"))).writes, [Path::new(".")]);
        assert_eq!(Needs::output(Some(Path::new("/no/such/report.json"))).writes, [Path::new("/no/such")]);
        assert!(Needs::output(None).writes.is_empty());
    }
}
