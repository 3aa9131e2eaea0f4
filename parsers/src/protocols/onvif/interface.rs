//! The network interfaces that a device tells (GetNetworkInterfaces).
//!
//! ```text
//! NetworkInterfaces / Enabled
//!                   / Info / HwAddress
//!                   / IPv4 / Enabled, Config / Manual / Address   Config / FromDHCP / Address   …
//!                   / IPv6 / Enabled, Config / LinkLocal / Address …
//! ```
//!
//! Source: ONVIF Core Specification 23.12, 8.2.8; onvif.xsd, NetworkInterface. An address that was configured counts where
//! its protocol is not switched off; many devices keep their factory address beside the one that DHCP gave.

use std::net::IpAddr;

use crate::vocabulary::{Interface, Mac};
use crate::xml::{Path, Piece};

/// Takes an answer piece by piece.
#[derive(Debug, Default)]
pub(super) struct Reader {
    interfaces: Vec<Interface>,
    /// The one that is read.
    mac: Option<Mac>,
    ips: Vec<IpAddr>,
    /// Whether what is read belongs to a protocol that is switched off.
    is_off: bool,
}

impl Reader {
    pub(super) fn take(&mut self, path: &Path, piece: &Piece<'_>) {
        match (piece, path.name()) {
            (Piece::Open(_), "NetworkInterfaces") => self.close(),
            (Piece::Open(_), "IPv4" | "IPv6") => self.is_off = false,
            (Piece::Text(text), "Enabled") if path.contains("IPv4") || path.contains("IPv6") => {
                self.is_off = matches!(*text, "false" | "0");
            }
            (Piece::Text(text), "HwAddress") => self.mac = Mac::from_text(text.as_bytes()),
            (Piece::Text(text), "Address")
                if path.contains("Config") && !self.is_off && self.ips.len() < IPS_MAX =>
            {
                self.ips.extend(text.parse::<IpAddr>().ok().filter(|ip| !ip.is_unspecified()));
            }
            _ => {}
        }
    }

    /// All interfaces that have a MAC of their own, [`INTERFACES_MAX`] at most.
    pub(super) fn end(mut self) -> Vec<Interface> {
        self.close();
        self.interfaces
    }

    fn close(&mut self) {
        let (mac, ips) = (self.mac.take(), std::mem::take(&mut self.ips));
        self.is_off = false;
        if let Some(mac) = mac.filter(|mac| mac.is_device() && self.interfaces.len() < INTERFACES_MAX) {
            self.interfaces.push(Interface { mac, ips });
        }
    }
}

/// A camera has one or two, a recorder three.
const INTERFACES_MAX: usize = 8;

/// Of each protocol there are two or three.
const IPS_MAX: usize = 16;
