//! What an attentive reader of the mirror would note down: the second depth of a simulation.
//!
//! Years of a site's time are too many packets to write and to read. So the same site can be run without
//! making bytes: what would be read off each frame is told instead, and what repeats is summed up for each
//! second, as [`Heard`] and [`Media`].

use std::net::{IpAddr, Ipv6Addr};

use crate::wire::Mac;
use crate::wire::stp::Bpdu;

/// One note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sight {
    /// When, in nanoseconds since 1970; of a sum, its last frame.
    pub at: i64,
    /// The VLAN tag that the mirror shows of the frame.
    pub vlan: Option<u16>,
    /// Who sent the frame.
    pub from: Party,
    /// Whom it was sent to.
    pub to: Party,
    /// IP protocol; `None` without IP.
    pub protocol: Option<u8>,
    /// What was noted.
    pub what: What,
}

impl Sight {
    /// The same as a clock sees it that is off by so many nanoseconds.
    #[must_use]
    pub fn delayed(mut self, off: i64) -> Self {
        self.at += off;
        match &mut self.what {
            What::Said(_) | What::Copied(_) => {}
            What::Heard(heard) => (heard.first, heard.last) = (heard.first + off, heard.last + off),
            What::Media(media) => (media.first, media.last) = (media.first + off, media.last + off),
        }
        self
    }
}

/// One side of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Party {
    /// Its MAC.
    pub mac: Mac,
    /// Its address.
    pub ip: Option<IpAddr>,
    /// Its port; 0 without one.
    pub port: u16,
    /// Hop limit of what it sent; 0 without IP.
    pub ttl: u8,
}

/// What was noted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// One frame said something.
    Said(Says),
    /// One side of a flow was heard in this second.
    Heard(Heard),
    /// A stream ran in this second.
    Media(Media),
    /// Frames of this second were copied more than once, by whomever they were sent.
    Copied(Copied),
}

/// Copies of a second that came beside the first of each frame; of what goes to everybody [`Says::Again`] tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Copied {
    /// How many.
    pub again: u64,
    /// How many of them a host might have sent itself: bare acknowledgements look alike.
    pub alike: u64,
    /// The most of one frame.
    pub most: u32,
}

/// What one frame says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Says {
    /// `mac` holds `ip`.
    Binding(Mac, IpAddr),
    /// The sender tells everybody, unasked, that `mac` holds `ip`.
    Claimed(Mac, IpAddr),
    /// A lease gives `ip` to `mac`.
    Leased {
        /// DHCP message type.
        message: u8,
        /// The client.
        mac: Mac,
        /// The address that the client says it has.
        own: Option<IpAddr>,
        /// The address asked for or given.
        ip: Option<IpAddr>,
        /// The router that the server names.
        router: Option<IpAddr>,
        /// Who gives it.
        server: Option<IpAddr>,
        /// For how long.
        lease_s: Option<u32>,
        /// The transaction.
        transaction: u32,
    },
    /// The client `mac` tells the DHCP server its class (option 60), and what it calls itself (option 12).
    Named {
        /// The client.
        mac: Mac,
        /// Its class.
        class: Option<String>,
        /// Its name.
        name: Option<String>,
    },
    /// The client `mac` hangs on this port of this switch (option 82).
    Attached(Mac, String, String),
    /// One who has the first address, or none yet, asks who holds the second.
    Asked(Option<IpAddr>, IpAddr),
    /// The sender forwards for others.
    Router,
    /// The sender announces itself as an IPv6 router, for so many seconds, with this prefix.
    RouterFor(u16, Option<Ipv6Addr>),
    /// The sender asks for the time.
    AsksTime,
    /// The sender tells the time, or that its own clock is not set.
    TellsTime(bool),
    /// The sender tries to open a connection, for the how-manieth time.
    Opening(u16),
    /// The sender refuses a connection.
    Refused,
    /// The sender sends again what was shown before, for the how-manieth time.
    Retried(u16),
    /// Before this segment of the sender's so many came by that the mirror never showed, and that arrived.
    Unseen(u64),
    /// A router says that this host cannot be reached.
    Unreachable(IpAddr),
    /// A neighbour describes itself.
    Neighbor(Box<Neighbor>),
    /// The receiver answered as a server, or the sender does.
    Served(&'static str),
    /// The sender will send this media.
    Announced {
        /// SSRC.
        ssrc: u32,
        /// The receiver's address, or the group's.
        destination: IpAddr,
        /// The sender's and the receiver's RTP port.
        ports: (u16, u16),
        /// Inside the RTSP connection.
        is_interleaved: bool,
    },
    /// The same frame came so many times more, for so many nanoseconds: copies of the mirror's, or it circles.
    Again(u32, i64),
    /// The sender agrees to what the receiver asked for, by this method of RTSP or HTTP.
    Agrees(&'static str),
    /// The sender says hello to all, and which of its starts it is (WS-Discovery).
    Hello(u32),
    /// The sender says goodbye to all, and since which of its starts it ran (WS-Discovery).
    Goodbye(u32),
    /// The sender sends this media, and reports on it (RTCP).
    SenderReport(u32),
    /// The sender tells how the receiver's media arrives (RTCP).
    Reported {
        /// Which.
        ssrc: u32,
        /// Packets that never came since it began.
        lost: i32,
        /// The highest sequence number, with its cycles.
        highest: u32,
    },
    /// The sender agrees to end his media to the receiver (TEARDOWN).
    Ended,
    /// A switch tells how the spanning tree stands.
    Tree(Box<Bpdu>),
    /// A switch tells its manager what happened.
    Trap(Trap),
}

/// What a switch tells its manager.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trap {
    /// It started.
    ColdStart,
    /// The link of this port goes up, or down.
    Link(u16, bool),
}

/// A switch, as LLDP tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Neighbor {
    /// Its bridge's MAC.
    pub chassis: Mac,
    /// The port it speaks on.
    pub port: String,
    /// Its name.
    pub name: String,
    /// Its address.
    pub management: Option<IpAddr>,
    /// How long this holds.
    pub ttl_s: u16,
}

/// Frames of one side of a flow within a second. Of a packet that a router passes on, the first frame counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heard {
    /// The number of this side of the flow.
    pub flow: u64,
    /// First frame.
    pub first: i64,
    /// Last frame.
    pub last: i64,
    /// How many.
    pub packets: u64,
    /// Bytes on the wire.
    pub bytes: u64,
    /// The longest time between two, the one before the first included.
    pub longest_gap: i64,
    /// The TCP time stamp of the first frame.
    pub stamp: Option<u32>,
}

/// One stream within a second; the flow that carries it is told as any other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Media {
    /// The stream's number.
    pub stream: u64,
    /// Synchronization source.
    pub ssrc: u32,
    /// Payload type.
    pub payload_type: u8,
    /// Inside the RTSP connection.
    pub is_interleaved: bool,
    /// First packet.
    pub first: i64,
    /// Last packet.
    pub last: i64,
    /// How many.
    pub packets: u64,
    /// Their bytes, RTP headers included.
    pub bytes: u64,
    /// Packets that never came past the mirror, between the first and the last that did.
    pub lost: u64,
    /// The sequence number of the last; inside the RTSP connection, of the last that was sent by then.
    pub sequence: u16,
    /// The longest time between two, the one before the first included.
    pub longest_gap: i64,
}
