//! What one reader counted: [`Counts`], the ground on which the report's `capture`
//! section and `spanwatch doctor` stand.

use std::collections::BTreeMap;

use spanwatch_parsers::{LinkType, Time};

/// Headers around the traffic itself.
///
/// Tags, mirror transports and AH are opened; the others are counted only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Encapsulation {
    /// One 802.1Q or 802.1ad tag.
    Vlan,
    /// Two tags or more.
    Qinq,
    /// Generic routing encapsulation, RFC 2784.
    Gre,
    /// ERSPAN type I: GRE without sequence.
    Erspan1,
    /// ERSPAN type II.
    Erspan2,
    /// ERSPAN type III.
    Erspan3,
    /// VXLAN, RFC 7348.
    Vxlan,
    /// IP authentication header, RFC 4302.
    Ah,
    /// Multi-protocol label switching, RFC 3032.
    Mpls,
    /// PPP over Ethernet, RFC 2516.
    Pppoe,
    /// Geneve, RFC 8926.
    Geneve,
    /// GPRS tunnelling protocol.
    Gtp,
    /// IPv4 or IPv6 directly inside IP.
    Ipip,
    /// IPv6 directly inside IPv4, RFC 4213.
    SixInFour,
    /// TaZmen sniffer protocol.
    Tzsp,
    /// Layer 2 tunnelling protocol, RFC 2661 and 3931.
    L2tp,
    /// PPTP's GRE version 1, RFC 2637.
    Pptp,
    /// IP encapsulating security payload, RFC 4303.
    Esp,
    /// MAC security, IEEE 802.1AE.
    Macsec,
    /// Provider backbone bridging, IEEE 802.1ah.
    Pbb,
    /// VN-Tag, IEEE 802.1BR's forerunner.
    Vntag,
    /// High-availability seamless redundancy, IEC 62439-3.
    Hsr,
    /// VXLAN with a protocol field.
    VxlanGpe,
    /// Cisco's security group tag.
    GroupTag,
    /// Ethernet directly inside IP, RFC 3378.
    Etherip,
}

impl Encapsulation {
    /// Its name in the report.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Vlan => "vlan",
            Self::Qinq => "qinq",
            Self::Gre => "gre",
            Self::Erspan1 => "erspan1",
            Self::Erspan2 => "erspan2",
            Self::Erspan3 => "erspan3",
            Self::Vxlan => "vxlan",
            Self::Ah => "ah",
            Self::Mpls => "mpls",
            Self::Pppoe => "pppoe",
            Self::Geneve => "geneve",
            Self::Gtp => "gtp",
            Self::Ipip => "ipip",
            Self::SixInFour => "6in4",
            Self::Tzsp => "tzsp",
            Self::L2tp => "l2tp",
            Self::Pptp => "pptp",
            Self::Esp => "esp",
            Self::Macsec => "macsec",
            Self::Pbb => "pbb",
            Self::Vntag => "vntag",
            Self::Hsr => "hsr",
            Self::VxlanGpe => "vxlan-gpe",
            Self::GroupTag => "group-tag",
            Self::Etherip => "etherip",
        }
    }

    /// Every encapsulation, in order.
    pub const ALL: [Self; 25] = [
        Self::Vlan,
        Self::Qinq,
        Self::Gre,
        Self::Erspan1,
        Self::Erspan2,
        Self::Erspan3,
        Self::Vxlan,
        Self::Ah,
        Self::Mpls,
        Self::Pppoe,
        Self::Geneve,
        Self::Gtp,
        Self::Ipip,
        Self::SixInFour,
        Self::Tzsp,
        Self::L2tp,
        Self::Pptp,
        Self::Esp,
        Self::Macsec,
        Self::Pbb,
        Self::Vntag,
        Self::Hsr,
        Self::VxlanGpe,
        Self::GroupTag,
        Self::Etherip,
    ];
}

/// A set of encapsulations: those of one frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Encapsulations(u32);

impl Encapsulations {
    /// Adds one.
    pub const fn add(&mut self, encapsulation: Encapsulation) {
        self.0 |= 1 << encapsulation as u8;
    }
}

/// Sums over all frames of one reader.
#[derive(Debug, Clone, Default)]
pub struct Counts {
    /// Frames.
    pub frames: u64,
    /// Their bytes on the wire.
    pub bytes: u64,
    /// Frames of which the capture kept less than was on the wire.
    pub truncated: u64,
    /// IP packets larger than any cable carries: the capturing machine joined
    /// several before the capture (LRO, GRO, TSO).
    pub oversized: u64,
    /// Frames of which the mirror says, or the IP length shows, that it cut them.
    pub cut_by_mirror: u64,
    /// When the first and the last frame came that was cut by either.
    pub cut: Option<(Time, Time)>,
    /// The most bytes that were kept of a frame that the capture cut.
    pub cut_at: usize,
    /// Frames that the mirror's own sequence numbers (GRE, ERSPAN II, III) say are missing.
    pub lost_by_mirror: u64,
    /// Frames to one receiver, by the innermost destination MAC.
    pub unicast: u64,
    /// Frames to a group.
    pub multicast: u64,
    /// Frames to all.
    pub broadcast: u64,
    /// Frames that the sniffing host received.
    pub incoming: u64,
    /// Frames that the sniffing host sent.
    pub outgoing: u64,
    /// IP fragments, innermost.
    pub fragments: u64,
    /// Packets of tunnels of which fragments never came, or had to go before the others came.
    pub tunnel_packets_incomplete: u64,
    encapsulations: [u64; Encapsulation::ALL.len()],
    vlans: Vlans,
    undecodable: BTreeMap<&'static str, u64>,
    link_types: BTreeMap<LinkType, u64>,
}

impl Counts {
    /// How many frames had each encapsulation, those with none left out.
    #[must_use]
    pub fn encapsulations(&self) -> BTreeMap<&'static str, u64> {
        let counted = Encapsulation::ALL.iter().zip(self.encapsulations);
        counted.filter(|(_, count)| *count > 0).map(|(which, count)| (which.name(), count)).collect()
    }

    /// How many frames had this encapsulation.
    #[must_use]
    pub fn encapsulated(&self, which: Encapsulation) -> u64 {
        self.encapsulations.get(which as usize).copied().unwrap_or(0)
    }

    /// What could not be read, by reason.
    #[must_use]
    pub fn undecodable(&self) -> BTreeMap<String, u64> {
        let reasons = self.undecodable.iter().map(|(reason, count)| ((*reason).to_owned(), *count));
        reasons.chain(self.link_types.iter().map(|(link, count)| (link_type(*link), *count))).collect()
    }

    /// The VLANs seen on the innermost frames, ascending.
    #[must_use]
    pub fn vlans(&self) -> Vec<u16> {
        self.vlans.ids()
    }

    /// Adds what another reader counted.
    pub fn merge(&mut self, other: &Self) {
        for (sum, count) in [
            (&mut self.frames, other.frames),
            (&mut self.bytes, other.bytes),
            (&mut self.truncated, other.truncated),
            (&mut self.oversized, other.oversized),
            (&mut self.cut_by_mirror, other.cut_by_mirror),
            (&mut self.lost_by_mirror, other.lost_by_mirror),
            (&mut self.unicast, other.unicast),
            (&mut self.multicast, other.multicast),
            (&mut self.broadcast, other.broadcast),
            (&mut self.incoming, other.incoming),
            (&mut self.outgoing, other.outgoing),
            (&mut self.fragments, other.fragments),
            (&mut self.tunnel_packets_incomplete, other.tunnel_packets_incomplete),
        ] {
            *sum = sum.saturating_add(count);
        }
        self.cut = joined(self.cut, other.cut);
        self.cut_at = self.cut_at.max(other.cut_at);
        for (sum, count) in self.encapsulations.iter_mut().zip(other.encapsulations) {
            *sum = sum.saturating_add(count);
        }
        for (reason, count) in &other.undecodable {
            bump(&mut self.undecodable, reason, *count);
        }
        for (link, count) in &other.link_types {
            bump(&mut self.link_types, *link, *count);
        }
        self.vlans.merge(&other.vlans);
    }

    pub(super) fn frame(&mut self, captured: usize, wire: u32) {
        self.frames = self.frames.saturating_add(1);
        self.bytes = self.bytes.saturating_add(wire.into());
        if captured < wire as usize {
            self.truncated = self.truncated.saturating_add(1);
            self.cut_at = self.cut_at.max(captured);
        }
    }

    /// Counts a frame that was cut, by the capture or before it.
    pub(super) fn cut(&mut self, at: Time, by_capture: bool) {
        self.cut = joined(self.cut, Some((at, at)));
        self.cut_by_mirror = self.cut_by_mirror.saturating_add(u64::from(!by_capture));
    }

    pub(super) fn encapsulations_of(&mut self, Encapsulations(mut left): Encapsulations) {
        // A frame has few of them, if any.
        while left != 0 {
            if let Some(sum) = self.encapsulations.get_mut(left.trailing_zeros() as usize) {
                *sum = sum.saturating_add(1);
            }
            left &= left.wrapping_sub(1);
        }
    }

    pub(super) const fn vlan(&mut self, id: u16) {
        self.vlans.add(id);
    }

    pub(super) fn cannot(&mut self, reason: &'static str) {
        bump(&mut self.undecodable, reason, 1);
    }

    pub(super) fn cannot_link(&mut self, link: LinkType) {
        let known = self.link_types.contains_key(&link) || self.link_types.len() < LINK_TYPES_MAX;
        bump(&mut self.link_types, if known { link } else { LinkType(u32::MAX) }, 1);
    }
}

/// Which of the 4096 VLAN ids were seen.
#[derive(Debug, Clone)]
struct Vlans([u64; 64]);

impl Default for Vlans {
    fn default() -> Self {
        Self([0; 64])
    }
}

impl Vlans {
    const fn add(&mut self, id: u16) {
        if let Some((word, _)) = self.0.split_at_mut((id >> 6 & 63) as usize).1.split_first_mut() {
            *word |= 1 << (id & 63);
        }
    }

    fn ids(&self) -> Vec<u16> {
        let bit = |id: &u16| self.0.get(usize::from(id >> 6)).is_some_and(|word| word >> (id & 63) & 1 == 1);
        (0..4096).filter(bit).collect()
    }

    fn merge(&mut self, other: &Self) {
        for (word, more) in self.0.iter_mut().zip(other.0) {
            *word |= more;
        }
    }
}

/// The span over both.
fn joined(one: Option<(Time, Time)>, other: Option<(Time, Time)>) -> Option<(Time, Time)> {
    one.into_iter().chain(other).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
}

fn bump<K: Ord>(counts: &mut BTreeMap<K, u64>, key: K, by: u64) {
    let count = counts.entry(key).or_default();
    *count = count.saturating_add(by);
}

/// A link type that is not read, in words (tcpdump.org, "Link-layer header types").
fn link_type(link: LinkType) -> String {
    let name = match link.0 {
        6 => "Token Ring",
        8 => "SLIP",
        9 | 50 => "PPP",
        51 => "PPPoE",
        104 => "Cisco HDLC",
        105 => "802.11",
        107 => "Frame Relay",
        119 => "802.11 with Prism header",
        127 => "802.11 with radiotap",
        163 => "802.11 with AVS header",
        187 | 201 => "Bluetooth",
        189 | 220 => "USB",
        195 | 215 | 230 => "802.15.4",
        227 => "SocketCAN",
        239 => "netfilter log",
        242 => "IP over InfiniBand",
        247 => "InfiniBand",
        249 => "USBPcap",
        253 => "netlink",
        272 => "nordic BLE",
        u32::MAX => return "link types of many numbers".to_owned(),
        number => return format!("link type {number}"),
    };
    format!("link type {} ({name})", link.0)
}

/// Distinct numbers that are counted one by one; a hostile file can name four thousand million.
const LINK_TYPES_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_differ_and_follow_the_order() {
        let mut names: Vec<_> = Encapsulation::ALL.iter().map(|which| which.name()).collect();
        for (place, which) in Encapsulation::ALL.iter().enumerate() {
            assert_eq!(*which as usize, place);
        }
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Encapsulation::ALL.len());
    }

    #[test]
    fn every_vlan_is_remembered() {
        let mut counts = Counts::default();
        for id in [4094, 1, 63, 64, 1] {
            counts.vlan(id);
        }
        assert_eq!(counts.vlans(), [1, 63, 64, 4094]);
    }

    #[test]
    fn link_types_are_named_and_their_number_bounded() {
        let mut counts = Counts::default();
        for number in 0..1_000 {
            counts.cannot_link(LinkType(1_000 + number));
        }
        counts.cannot_link(LinkType(105));
        let all = counts.undecodable();
        assert_eq!(all.len(), LINK_TYPES_MAX + 1);
        assert_eq!(all["link types of many numbers"], 937);
        assert_eq!(link_type(LinkType(105)), "link type 105 (802.11)");
    }
}
