//! The words that all floors share: addresses, [`Fact`], [`Parser`].
//!
//! One vocabulary, by meaning and not by protocol: DHCP, LLDP and RTSP all say
//! [`Fact::Attribute`]; what reads the facts need not know which. A fact is
//! owned, small, its texts capped, and it never carries a secret.

mod address;
mod bond;
mod bridge;
mod conversation;
mod fact;
mod key;
mod media;
mod network;
mod notice;
mod parser;
mod text;
mod tls;
mod traffic;

pub use address::{LinkType, Mac, ip_text};
pub use bond::{Bond, BondSide, BondState};
pub use bridge::{Bridge, BridgeId, Instance, PortFlags, TreeRegion};
pub use conversation::{
    Command, Exchange, KeyExchange, KnownPassword, Login, Order, Outcome, TimeStep, TimeTold, Timekeeping,
};
pub use fact::{About, BindingBy, Fact};
pub use key::{Concluded, Key, Label};
pub use media::{
    Clock, Ended, Media, MediaProfile, Origin, ReceiverReport, StreamActivity, StreamAnnounced,
    StreamTransport,
};
pub use network::{
    Admission, Attached, Interface, Lease, LinkPower, MembershipChange, MembershipQuery, Neighbor, Offers,
    PortMapped, RouterAnnounced,
};
pub use notice::{Notice, NoticeKind};
pub use parser::{Envelope, Malformed, OF_METHODS, On, Parser, Probe, Progress, Session, Sink, Start, Way};
pub use text::Text;
pub use tls::{Certificate, CipherSuite, Digest, TlsRole, TlsSide, TlsVersion};
pub use traffic::{Activity, Returning, Segments};
