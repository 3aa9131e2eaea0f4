//! What a message says, and of whom.

use std::net::IpAddr;

use super::*;
use crate::time::{Span, Time};

/// What a message says of somebody.
///
/// The first half is said by parsers, the second half by the engine itself
/// (flows, streams, ICMP errors), in the same words.
#[allow(missing_docs)] // Each variant says what its fields are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// `mac` holds `ip`.
    Binding { mac: Mac, ip: IpAddr, by: BindingBy },
    /// The subject tells its network interfaces, all of them.
    Interfaces(Box<[Interface]>),
    /// The subject asked who holds `target` (an ARP request, a neighbour solicitation): the whole link, or only `of`,
    /// who is thought to hold it.
    Asked { target: IpAddr, of: Option<Mac> },
    /// The subject told everybody, unasked, which address it holds (gratuitous ARP, RFC 5227, 2.3).
    Announced,
    /// The subject tells how it is set to send its pictures, all of its profiles.
    MediaProfiles(Box<[MediaProfile]>),
    /// The subject forwards packets for others: it says so itself (router advertisement), or DHCP does.
    Router,
    /// The subject tells the hosts of its link how they are to use it as their router (RFC 4861, 4.2).
    RouterAnnounced(Box<RouterAnnounced>),
    /// A property of the subject, as it was said.
    Attribute { key: Key, value: Text },
    /// A property of the subject that a fingerprint concluded from one attribute.
    Label(Label),
    /// The subject answered as a server of `protocol` on this flow's port.
    Service { protocol: &'static str },
    /// One DHCP message about the subject, which is the client.
    Lease(Box<Lease>),
    /// The servers that DHCP names to the subject, which is the client.
    Offers(Box<Offers>),
    /// The subject hangs on this switch port.
    Attached(Box<Attached>),
    /// The subject describes itself to its neighbour on the cable.
    Neighbor(Box<Neighbor>),
    /// Power over Ethernet, as negotiated on the subject's port.
    LinkPower(LinkPower),
    /// The subject's port speaks and listens at once, or by turns.
    Duplex { is_full: bool },
    /// The subject's port runs at this speed, in Mbit/s.
    LinkSpeed { mbps: u32 },
    /// The subject told its manager, unasked, that something happened.
    Notice(Box<Notice>),
    /// The subject tells for how long it has run, and where it knows how often it started.
    Uptime { uptime: Span, boots: Option<u32> },
    /// The subject tells which of its starts it runs since, where it counts them, by a number that grows with each
    /// (WS-Discovery 1.1, 7); `is_announced` says that it tells so unasked, as one does who joins the network.
    Instance { number: Option<u32>, is_announced: bool },
    /// The subject tells what time it is by its own clock, in whole seconds.
    TimeOfDay { utc: Time, told: TimeTold },
    /// The subject tells whether somebody gave it a password since it left the factory or was reset.
    Activation { is_activated: bool },
    /// The subject shows its secret to everybody on the way; `is_default` says that manuals name it.
    ClearSecret { is_default: bool },
    /// The subject is in a multicast group, or no more.
    Membership { group: IpAddr, change: MembershipChange },
    /// The subject wants to be let into the network (802.1X), and what came of it.
    Admission(Admission),
    /// The subject asks who is in which multicast group.
    MembershipQuery(MembershipQuery),
    /// The subject is a bridge and tells how its spanning tree stands.
    Bridge(Box<Bridge>),
    /// The subject is a bridge and says that its tree (of `vlan`, where each has its own) changed.
    TopologyChange { vlan: Option<u16> },
    /// The subject tells how one of several cables stands that are used as one.
    Bond(Box<Bond>),
    /// One request to the subject, which is the server, and what came of it.
    Exchange(Box<Exchange>),
    /// The subject was ordered to do something, and did it.
    Command(Box<Command>),
    /// The subject asked its peer, a name server, for a name.
    NameAsked { name: Text },
    /// The subject had a router let those in who come from outside.
    PortMapped(Box<PortMapped>),
    /// The subject, which is the server, accepted a Digest, the first of its connection: by the nonce, told by a hash of it, and
    /// how often that was used, as the client says (`nc`, RFC 7616, 3.4.6); `None` where it does not.
    DigestAccepted { nonce: u64, count: Option<u32> },
    /// Somebody logged in, or tried to, at the subject, which is the server.
    Login(Box<Login>),
    /// The subject was asked for what is not for everybody by one who had shown no login in that connection: what it gave
    /// him, or `None` where it refused.
    Anonymous { given: Option<Text> },
    /// The subject speaks SSH, and how it agrees on keys.
    KeyExchange(Box<KeyExchange>),
    /// The subject, which is the server, agreed on this version of the flow's protocol.
    Version { version: Text },
    /// The subject spoke TLS: how, and what it proved itself with.
    Tls(Box<TlsSide>),
    /// The subject, which is the sender, will send this media.
    StreamAnnounced(Box<StreamAnnounced>),
    /// The subject serves media, and says that it comes from somebody: from himself, as a rule.
    Origin(Box<Origin>),
    /// The subject, which receives media, tells how it arrives.
    ReceiverReport(ReceiverReport),
    /// The subject tells its own clock.
    Clock(Clock),
    /// The subject asks for the time, or tells it.
    Timekeeping(Box<Timekeeping>),
    /// A stream was ended on purpose.
    StreamEnded { ssrc: Option<u32>, by: Ended },
    /// Packets with this SSRC that the subject sent over UDP are RTP beyond doubt, those
    /// already given to [`Sink::media`] included; without it they may be anything. Media
    /// inside an RTSP connection ([`Media::channel`]) needs no such proof.
    MediaProved { ssrc: u32 },
    /// The message broke its specification.
    Malformed(Malformed),

    /// Frames that the subject sent in one flow since the last tick.
    Activity(Activity),
    /// Media that the subject sent in one stream since the last tick.
    Stream(Box<StreamActivity>),
    /// Somebody, on the way, says that `target` cannot be reached (ICMP, RFC 792 and RFC 4443).
    Unreachable { target: IpAddr, kind: u8, code: u8, transport: u8, port: Option<u16> },
    /// The subject opened a TCP connection or tried to; `attempt` counts the SYN from 1.
    Opening { target: IpAddr, port: u16, attempt: u16 },
    /// The subject refused a TCP connection with RST (`port` is its own).
    Refused { port: u16 },
    /// The subject sent again what its peer, `target`, did not acknowledge, for the `attempt`th time.
    Retried { target: IpAddr, attempt: u16 },
    /// TCP segments with bytes that the subject sent in one connection since the last tick.
    Segments(Segments),
    /// Copies of frames that the mirror, or a loop, made since the last tick, and the most of one frame.
    Copies { count: u64, most: u32 },
    /// Frames to a group came again and again since the last tick, unchanged; the subject sent the one that came most often.
    Returning(Returning),
    /// The subject sent these packets around other traffic: a mirror's or an overlay's tunnel, `by` its name.
    Tunnel { by: &'static str, activity: Activity },
    /// The subject, which is the server, accepted a login with a password that is known.
    KnownPassword(Box<KnownPassword>),
    /// Something was dropped because a cap was reached.
    Lost { what: &'static str, cap: u64, count: u64 },
    /// A fault of ours: so often code panicked since it was last said, and cost what it worked on. `what` is
    /// the kind of code; the source of the observation is its name.
    Panicked { what: &'static str, count: u64 },
}

/// How a MAC–IP binding was witnessed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BindingBy {
    /// Its holder said so (ARP reply, gratuitous ARP, ARP request's sender, ND).
    Claim,
    /// A DHCP server leased it and the client took it.
    Lease,
    /// The device named its own management address (LLDP, CDP).
    Management,
    /// Link-scope traffic: sent with TTL or hop limit 255, multicast that routers never forward, or a message that
    /// names the MAC and the address of its own frame.
    LinkScope,
}

/// What a fact is about, as seen from the message that said it.
#[allow(missing_docs)] // Each variant says what its fields are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum About {
    /// Who sent the message.
    Sender,
    /// Whom it was sent to.
    Receiver,
    /// Somebody named inside the message.
    Named { mac: Option<Mac>, ip: Option<IpAddr> },
}
