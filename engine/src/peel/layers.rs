//! What the reader knows of a frame: [`Peeled`], positions in it and nothing copied.

use std::net::IpAddr;

use spanwatch_parsers::Mac;

use crate::peel::Encapsulation;

/// One frame, walked to its innermost addresses.
#[derive(Debug, Clone, Default)]
pub struct Peeled {
    /// The innermost headers.
    pub layers: Layers,
    /// The frame that brought them, where a mirror's tunnel was opened.
    pub outer: Option<Box<Outer>>,
    /// The bytes that `layers` speaks of, where they were put together from several
    /// frames; otherwise they are the frame's own.
    pub owned: Option<Box<[u8]>>,
}

impl Peeled {
    /// The bytes that the positions in `layers` refer to.
    #[must_use]
    pub fn bytes<'a>(&'a self, frame: &'a [u8]) -> &'a [u8] {
        self.owned.as_deref().unwrap_or(frame)
    }

    /// The tunnels that were opened, the outermost first.
    pub fn around(&self) -> impl DoubleEndedIterator<Item = &Around> {
        self.outer.iter().flat_map(|outer| &outer.around).flatten()
    }
}

/// The innermost headers of a frame: addresses, and positions from the first byte.
#[derive(Debug, Clone, Copy, Default)]
pub struct Layers {
    /// Who analyses it: a fixed, symmetric hash of the innermost IP pair, of the MAC pair without IP.
    pub shard: u8,
    /// Source of the innermost Ethernet frame.
    pub source_mac: Option<Mac>,
    /// Destination of the innermost Ethernet frame.
    pub destination_mac: Option<Mac>,
    /// VLAN tags of the innermost Ethernet frame.
    pub tags: Tags,
    /// VLAN that an ERSPAN header names, where it says that it took the tag out.
    pub mirror_vlan: Option<u16>,
    /// Whether the sniffing host itself sent or received it (cooked captures).
    pub direction: Option<Direction>,
    /// What the frame carries.
    pub network: Network,
    /// Source and destination, with IP.
    pub ips: Option<(IpAddr, IpAddr)>,
    /// TTL or hop limit; 0 without IP.
    pub hop_limit: u8,
    /// IPv4 identification, or that of an IPv6 fragment header.
    pub identification: Option<u32>,
    /// Protocol number behind IP and its extension headers.
    pub protocol: u8,
    /// Which part of a packet this is, where it is not whole.
    pub fragment: Option<Fragment>,
    /// Where the IP header begins, or the payload without IP.
    pub network_at: u32,
    /// Where the transport header begins, or the payload without IP.
    pub transport_at: u32,
    /// Where the payload ends: padding of the link excluded.
    pub end: u32,
    /// Where it would end if the capture had not cut it.
    pub whole_end: u32,
    /// Whether it is kept for reassembly of a tunnel's packet: nothing to analyse yet.
    pub is_absorbed: bool,
    /// Whether walking it panicked: nothing is known of it.
    pub is_lost: bool,
}

impl Layers {
    /// The VLAN that this frame belongs to.
    #[must_use]
    pub fn vlan(&self) -> Option<u16> {
        self.tags.inner().or(self.mirror_vlan)
    }

    /// Whether the capture, or the mirror, cut the packet short.
    #[must_use]
    pub const fn is_cut(&self) -> bool {
        self.end < self.whole_end
    }
}

/// What a frame carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Network {
    /// Nothing that can be read.
    #[default]
    Unknown,
    /// IPv4 or IPv6.
    Ip,
    /// Something else by its EtherType.
    EtherType(u16),
    /// An LLC frame.
    Llc {
        /// Destination service access point.
        dsap: u8,
        /// Source service access point.
        ssap: u8,
    },
    /// A SNAP frame of an organization's own protocol.
    Snap {
        /// Whose protocol.
        oui: [u8; 3],
        /// Which of his.
        kind: u16,
    },
}

/// Which part of an IP packet a fragment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fragment {
    /// In bytes.
    pub offset: u32,
    /// Whether others follow.
    pub more: bool,
}

/// Whether the sniffing host was the one that spoke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Received by the host.
    In,
    /// Sent by the host.
    Out,
}

/// The VLAN ids on a frame, outermost first. A priority tag (id 0) names no VLAN and is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Tags {
    outer: u16,
    inner: u16,
}

impl Tags {
    /// Adds the id of the next tag inwards.
    pub fn push(&mut self, id: u16) {
        let id = id & 0x0fff;
        if id != 0 {
            if self.outer == 0 {
                self.outer = id;
            }
            self.inner = id;
        }
    }

    /// The innermost VLAN.
    #[must_use]
    pub fn inner(self) -> Option<u16> {
        (self.inner != 0).then_some(self.inner)
    }

    /// The outermost VLAN: of a QinQ frame the provider's, else the same as [`Tags::inner`].
    #[must_use]
    pub fn outer(self) -> Option<u16> {
        (self.outer != 0).then_some(self.outer)
    }
}

/// The frame around a tunnel: the mirror's transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outer {
    /// The kind of tunnel.
    pub by: Encapsulation,
    /// Its source MAC.
    pub source_mac: Option<Mac>,
    /// Its destination MAC.
    pub destination_mac: Option<Mac>,
    /// Both ends.
    pub ips: (IpAddr, IpAddr),
    /// The VLAN that the tunnel runs in.
    pub vlan: Option<u16>,
    /// TTL or hop limit of the tunnel's packet.
    pub hop_limit: u8,
    /// IP protocol of the tunnel's packet.
    pub protocol: u8,
    /// It, and the tunnels inside it.
    pub around: [Option<Around>; TUNNELS_MAX],
}

/// A tunnel's packet in its frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Around {
    /// Both ends.
    pub ips: (IpAddr, IpAddr),
    /// Its IP protocol.
    pub protocol: u8,
    /// Where its transport header begins.
    pub transport_at: u32,
    /// Where it ends.
    pub end: u32,
    /// Whether all of it was captured.
    pub is_whole: bool,
}

/// A mirror of a mirror of overlay traffic is three.
pub(super) const TUNNELS_MAX: usize = 4;
