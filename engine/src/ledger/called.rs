//! What others ask of a device that the report calls so, by its MAC or its address.

use spanwatch_parsers::{Mac, Span, Time, TlsRole};

use super::Ledger;
use super::directory::Number;
use super::stream::Stream;
use crate::carve::Addresses;

impl Ledger {
    /// Since when a device has been heard: one that the report calls so, by its MAC or its address.
    #[must_use]
    pub fn heard_since(&self, id: &str) -> Option<Time> {
        let device = self.directory.device(self.called(id)?)?;
        (device.packets > 0).then_some(device.first_seen)
    }

    /// What a device is addressed by: one that the report calls so.
    #[must_use]
    pub fn addresses(&self, id: &str) -> Addresses {
        let device = self.called(id).and_then(|number| self.directory.device(number));
        device
            .map(|it| (it.macs.iter().copied().collect(), it.ips.iter().copied().collect()))
            .unwrap_or_default()
    }

    /// Since when a device that the report calls so has been sending the longest of its media that came in the last minute.
    #[must_use]
    pub fn media_since(&self, id: &str) -> Option<Time> {
        let number = self.called(id);
        let goes_on = |stream: &&Stream| {
            stream.source.is_some()
                && stream.source == number
                && self.now - stream.measured.last < MEDIA_GOES_ON
        };
        self.streams.iter().filter(goes_on).map(|stream| stream.first_seen).min()
    }

    /// Since when a device that the report calls so has shown certificates as a server.
    #[must_use]
    pub fn certified_since(&self, id: &str) -> Option<Time> {
        let rows = self.handshakes.of(self.called(id)?);
        let shown = rows.filter(|(it, _)| it.role == TlsRole::Server && it.certificate.is_some());
        shown.map(|(_, row)| row.first_seen).min()
    }

    /// The device that the report calls so.
    pub(super) fn called(&self, id: &str) -> Option<Number> {
        let id = id.trim_end_matches('+');
        let (name, vlan) = id.split_once('@').map_or((id, None), |(ip, vlan)| (ip, vlan.parse().ok()));
        match name.parse() {
            Ok(ip) => self.directory.find_ip(ip, vlan),
            Err(_) => self.directory.find_mac(Mac::from_text(name.as_bytes())?),
        }
    }
}

/// Media of which nothing came for so long has stopped.
const MEDIA_GOES_ON: Span = Span::seconds(60);
