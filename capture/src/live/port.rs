//! A network port, and whether it is silent: [`Port`].
//!
//! A mirror port must transmit nothing. The kernel speaks on a port of its own accord where it has an address (ARP,
//! replies of all sorts) or IPv6 (router solicitations, multicast listener reports). Where neither is, and ARP is off,
//! it has nothing to say; what the port transmitted all the same is counted. A port to which mirrors are addressed has an address and
//! speaks; it is looked at for being that.
//!
//! Source: the Linux kernel's documentation of `/sys/class/net` (`flags`, `ifindex`, `mtu`, `operstate`, `statistics`) and of
//! `/proc/sys/net/ipv6/conf/*/disable_ipv6`; `IFF_NOARP` of `netdevice(7)`. Addresses are asked of libpcap.

use std::fmt::Write as _;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// A port of this machine.
#[derive(Debug)]
pub(super) struct Port {
    name: String,
    folder: PathBuf,
    /// The number that the kernel gave it; another one of the same name has another.
    index: u32,
    /// Frames it had transmitted when we began, and when last looked at.
    sent: (u64, u64),
}

/// Why a port is not listened on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PortError {
    /// There is none of that name.
    #[error("there is no port {name}; this machine has {}", .others.join(", "))]
    Missing {
        /// The name.
        name: String,
        /// Those that are.
        others: Vec<String>,
    },
    /// It could speak, or hears nothing: see the commands.
    #[error("{name} is not ready: {}", .faults.join(", "))]
    Unready {
        /// The port.
        name: String,
        /// What is wrong, each the end of a sentence.
        faults: Vec<String>,
        /// What puts it right, for a shell of root.
        commands: Vec<String>,
    },
    /// libpcap refuses.
    #[error("{name}: {reason}")]
    Refused {
        /// The port.
        name: String,
        /// What it says.
        reason: String,
    },
}

impl PortError {
    /// What puts it right, a command a line; empty where no command does.
    #[must_use]
    pub fn remedy(&self) -> String {
        let mut text = String::new();
        if let Self::Unready { commands, .. } = self {
            commands.iter().for_each(|command| _ = writeln!(text, "  {command}"));
        }
        text
    }
}

/// What decides whether a port is silent.
#[derive(Debug, Clone, Default)]
struct Manner {
    addresses: Vec<IpAddr>,
    has_ipv6: bool,
    has_arp: bool,
    is_up: bool,
}

impl Port {
    /// Finds a port that is up and has nothing to say.
    ///
    /// # Errors
    /// `Missing`, and `Unready` with what to do.
    pub(super) fn silent(name: &str) -> Result<Self, PortError> {
        let (port, manner) = Self::find(name)?;
        manner.check(name)?;
        Ok(port)
    }

    /// Finds a port that is up and has an address, to which mirrors can send; gives its addresses with it.
    ///
    /// # Errors
    /// `Missing`, and `Unready` with what to do.
    pub(super) fn addressed(name: &str) -> Result<(Self, Vec<IpAddr>), PortError> {
        let (port, manner) = Self::find(name)?;
        manner.check_addressed(name)?;
        Ok((port, manner.addresses))
    }

    fn find(name: &str) -> Result<(Self, Manner), PortError> {
        let devices = pcap::Device::list().unwrap_or_default();
        let folder = Path::new(PORTS).join(name);
        let is_name = !name.is_empty() && !name.contains('/') && !name.starts_with('.');
        let index = number(&folder, "ifindex").filter(|_| is_name);
        let Some(index) = index else {
            let all = fs::read_dir(PORTS).into_iter().flatten().flatten();
            let mut others: Vec<String> =
                all.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
            others.sort();
            return Err(PortError::Missing { name: name.to_owned(), others });
        };
        let flags = flags(&folder);
        let own = devices.iter().filter(|device| device.name == name);
        let ipv6 = fs::read_to_string(format!("/proc/sys/net/ipv6/conf/{name}/disable_ipv6"));
        let manner = Manner {
            addresses: own.flat_map(|device| device.addresses.iter().map(|it| it.addr)).collect(),
            has_ipv6: ipv6.is_ok_and(|text| text.trim() == "0"),
            has_arp: flags & IFF_NOARP == 0,
            is_up: flags & IFF_UP != 0,
        };
        let sent = number(&folder, SENT).unwrap_or(0);
        Ok((Self { name: name.to_owned(), folder, index, sent: (sent, sent) }, manner))
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Whether this very port is still there; counts what it transmitted.
    pub(super) fn is_there(&mut self) -> bool {
        let is_there = number(&self.folder, "ifindex") == Some(self.index);
        if let Some(sent) = number(&self.folder, SENT).filter(|_| is_there) {
            self.sent.1 = sent;
        }
        is_there
    }

    /// Whether it has a link, as far as it can tell.
    pub(super) fn is_up(&self) -> bool {
        let state = fs::read_to_string(self.folder.join("operstate")).unwrap_or_default();
        flags(&self.folder) & IFF_UP != 0 && matches!(state.trim(), "up" | "unknown")
    }

    /// Frames it transmitted from when it was found to when it was last looked at.
    pub(super) const fn sent(&self) -> u64 {
        self.sent.1.saturating_sub(self.sent.0)
    }

    /// Bytes of the longest frame that can come by cable: MTU, Ethernet header, two VLAN tags.
    pub(super) fn frame_max(&self) -> u32 {
        number::<u32>(&self.folder, "mtu").unwrap_or(u32::MAX).saturating_add(ETHERNET + 2 * VLAN_TAG)
    }
}

impl Manner {
    fn check(&self, name: &str) -> Result<(), PortError> {
        let (mut faults, mut commands) = (Vec::new(), Vec::new());
        if self.has_arp {
            faults.push("it would answer ARP".to_owned());
            commands.push(format!("ip link set dev {name} arp off"));
        }
        if self.has_ipv6 {
            faults.push("IPv6 is on and speaks by itself".to_owned());
            commands.push(format!("sysctl -w net/ipv6/conf/{name}/disable_ipv6=1"));
        }
        // The link-local addresses go with IPv6.
        let others = || self.addresses.iter().filter(|ip| ip.is_ipv4() || !self.has_ipv6);
        if others().next().is_some() {
            let list: Vec<String> = others().map(ToString::to_string).collect();
            faults.push(format!("it has the address {}", list.join(", ")));
            commands.push(format!("ip address flush dev {name}"));
        }
        if !self.is_up {
            faults.push("it is down".to_owned());
            commands.push(format!("ip link set dev {name} up"));
        }
        if faults.is_empty() {
            return Ok(());
        }
        Err(PortError::Unready { name: name.to_owned(), faults, commands })
    }

    fn check_addressed(&self, name: &str) -> Result<(), PortError> {
        let (mut faults, mut commands) = (Vec::new(), Vec::new());
        if self.addresses.is_empty() {
            faults.push("it has no address to which a mirror could send".to_owned());
            commands.push(format!("ip address add ADDRESS/LENGTH dev {name}"));
        }
        if !self.is_up {
            faults.push("it is down".to_owned());
            commands.push(format!("ip link set dev {name} up"));
        }
        if faults.is_empty() {
            return Ok(());
        }
        Err(PortError::Unready { name: name.to_owned(), faults, commands })
    }
}

fn number<N: FromStr>(folder: &Path, file: &str) -> Option<N> {
    fs::read_to_string(folder.join(file)).ok()?.trim().parse().ok()
}

fn flags(folder: &Path) -> u32 {
    let text = fs::read_to_string(folder.join("flags")).unwrap_or_default();
    u32::from_str_radix(text.trim().trim_start_matches("0x"), 16).unwrap_or(0)
}

const PORTS: &str = "/sys/class/net";
const SENT: &str = "statistics/tx_packets";
const IFF_UP: u32 = 1;
const IFF_NOARP: u32 = 0x80;
/// Bytes of an Ethernet header, and of one tag.
const ETHERNET: u32 = 14;
const VLAN_TAG: u32 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn port_that_is_up_and_has_nothing_to_say_is_ready() {
        let silent = Manner { is_up: true, ..Manner::default() };
        assert_eq!(silent.check("eth1"), Ok(()));
    }

    #[test]
    fn each_way_to_speak_is_named_with_its_remedy() {
        let manner = Manner {
            addresses: vec!["192.0.2.7".parse().unwrap(), "fe80::1".parse().unwrap()],
            has_ipv6: true,
            has_arp: true,
            is_up: false,
        };
        let error = manner.check("eth1").unwrap_err();
        assert_eq!(
            error.to_string(),
            "eth1 is not ready: it would answer ARP, IPv6 is on and speaks by itself, it has the address 192.0.2.7, it is down"
        );
        assert_eq!(
            error.remedy(),
            "  ip link set dev eth1 arp off\n  sysctl -w net/ipv6/conf/eth1/disable_ipv6=1\n  ip address flush dev eth1\n  ip link set dev eth1 up\n"
        );
    }

    #[test]
    fn port_that_mirrors_are_addressed_to_has_an_address() {
        let mut manner = Manner { is_up: true, has_arp: true, ..Manner::default() };
        let error = manner.check_addressed("eth0").unwrap_err();
        assert_eq!(error.to_string(), "eth0 is not ready: it has no address to which a mirror could send");
        manner.addresses.push("192.0.2.7".parse().unwrap());
        assert_eq!(manner.check_addressed("eth0"), Ok(()));
    }

    #[test]
    fn port_that_is_not_there_is_missing_whatever_its_name() {
        for name in ["", "no-such-port", "../net/lo", ".."] {
            assert!(matches!(Port::silent(name), Err(PortError::Missing { .. })), "{name}");
        }
    }
}
