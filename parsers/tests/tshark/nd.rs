//! Neighbour discovery in tshark's words.

use spanwatch_parsers::Malformed;
use spanwatch_parsers::protocols::nd::{Body, Message, NdOption};

use super::{As, Column, Said, hex, number};

pub const COLUMNS: &[Column] = &[
    (&["icmpv6.type"], As::Number),
    (&["icmpv6.code"], As::Number),
    (&["icmpv6.checksum"], As::Number),
    (&["icmpv6.nd.ns.target_address"], As::Shown),
    (&["icmpv6.nd.na.target_address"], As::Shown),
    (&["icmpv6.nd.na.flag"], As::Number),
    (&["icmpv6.nd.rd.target_address"], As::Shown),
    (&["icmpv6.rd.na.destination_address"], As::Shown),
    (&["icmpv6.nd.ra.cur_hop_limit"], As::Number),
    (&["icmpv6.nd.ra.flag"], As::Number),
    (&["icmpv6.nd.ra.router_lifetime"], As::Number),
    (&["icmpv6.nd.ra.reachable_time"], As::Number),
    (&["icmpv6.nd.ra.retrans_timer"], As::Number),
    (&["icmpv6.opt.type"], As::Number),
    (&["icmpv6.opt.src_linkaddr"], As::Bytes),
    (&["icmpv6.opt.target_linkaddr"], As::Bytes),
    (&["icmpv6.opt.mtu"], As::Number),
    (&["icmpv6.opt.nonce"], As::Bytes),
    (&["icmpv6.opt.prefix.length"], As::Number),
    (&["icmpv6.opt.prefix.flag"], As::Number),
    (&["icmpv6.opt.prefix.valid_lifetime"], As::Number),
    (&["icmpv6.opt.prefix.preferred_lifetime"], As::Number),
    (&["icmpv6.opt.prefix"], As::Shown),
    (&["icmpv6.opt.route_info.flag"], As::Number),
    (&["icmpv6.opt.route_lifetime"], As::Number),
    (&["icmpv6.opt.rdnss.lifetime"], As::Number),
    (&["icmpv6.opt.rdnss"], As::Shown),
    (&["icmpv6.opt.dnssl.lifetime"], As::Number),
];

pub fn said(bytes: &[u8]) -> Result<Said, Malformed> {
    let message = Message::parse(bytes)?;
    let mut said = vec![
        ("icmpv6.type", number(bytes[0])),
        ("icmpv6.code", number(message.code)),
        ("icmpv6.checksum", number(message.checksum)),
    ];
    match message.body {
        Body::RouterSolicitation => {}
        Body::RouterAdvertisement { hop_limit, flags, lifetime_s, reachable_ms, retransmit_ms } => said
            .extend([
                ("icmpv6.nd.ra.cur_hop_limit", number(hop_limit)),
                ("icmpv6.nd.ra.flag", number(flags)),
                ("icmpv6.nd.ra.router_lifetime", number(lifetime_s)),
                ("icmpv6.nd.ra.reachable_time", number(reachable_ms)),
                ("icmpv6.nd.ra.retrans_timer", number(retransmit_ms)),
            ]),
        Body::NeighborSolicitation { target } => {
            said.push(("icmpv6.nd.ns.target_address", target.to_string()));
        }
        Body::NeighborAdvertisement { flags, target } => said.extend([
            ("icmpv6.nd.na.flag", number(flags)),
            ("icmpv6.nd.na.target_address", target.to_string()),
        ]),
        Body::Redirect { target, destination } => said.extend([
            ("icmpv6.nd.rd.target_address", target.to_string()),
            ("icmpv6.rd.na.destination_address", destination.to_string()),
        ]),
    }
    message.options.iter().for_each(|option| option_said(option, &mut said));
    Ok(said)
}

fn option_said(option: &NdOption<'_>, said: &mut Said) {
    let mut kind = |kind: u8| said.push(("icmpv6.opt.type", number(kind)));
    match option {
        NdOption::SourceLinkLayer(address) => {
            kind(1);
            said.push(("icmpv6.opt.src_linkaddr", hex(address)));
        }
        NdOption::TargetLinkLayer(address) => {
            kind(2);
            said.push(("icmpv6.opt.target_linkaddr", hex(address)));
        }
        NdOption::Prefix(prefix) => {
            kind(3);
            said.extend([
                ("icmpv6.opt.prefix.length", number(prefix.length)),
                ("icmpv6.opt.prefix.flag", number(prefix.flags)),
                ("icmpv6.opt.prefix.valid_lifetime", number(prefix.valid_s)),
                ("icmpv6.opt.prefix.preferred_lifetime", number(prefix.preferred_s)),
                ("icmpv6.opt.prefix", prefix.prefix.to_string()),
            ]);
        }
        NdOption::Redirected(_) => kind(4),
        NdOption::Mtu(mtu) => {
            kind(5);
            said.push(("icmpv6.opt.mtu", number(*mtu)));
        }
        NdOption::Nonce(nonce) => {
            kind(14);
            said.push(("icmpv6.opt.nonce", hex(nonce)));
        }
        NdOption::Route(route) => {
            kind(24);
            said.extend([
                ("icmpv6.opt.prefix.length", number(route.length)),
                ("icmpv6.opt.route_info.flag", number(route.flags)),
                ("icmpv6.opt.route_lifetime", number(route.lifetime_s)),
                ("icmpv6.opt.prefix", route.prefix.to_string()),
            ]);
        }
        NdOption::RecursiveDns { lifetime_s, servers } => {
            kind(25);
            said.push(("icmpv6.opt.rdnss.lifetime", number(*lifetime_s)));
            said.extend(servers.iter().map(|server| ("icmpv6.opt.rdnss", server.to_string())));
        }
        NdOption::SearchList { lifetime_s, .. } => {
            kind(31);
            said.push(("icmpv6.opt.dnssl.lifetime", number(*lifetime_s)));
        }
        NdOption::Other { kind: other, .. } => kind(*other),
    }
}
