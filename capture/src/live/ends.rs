//! Where mirrors end that are addressed to this machine (VXLAN, GRE, ERSPAN): [`Ends`], sockets that take nothing.
//!
//! A kernel that knows nobody for a datagram answers it: port unreachable for UDP 4789 (VXLAN, RFC 7348, 5), protocol
//! unreachable for IP protocol 47 (GRE, RFC 2784; ERSPAN inside it). Where a socket is bound it says nothing. A filter lets nothing
//! into these: nobody reads them, and of a raw one that is full newer kernels say that there is none. The frames themselves are
//! read where all are, from the port's ring.
//!
//! Source: Linux, `net/ipv4/raw.c`, `raw_v4_input`; `socket(7)`, `SO_ATTACH_FILTER`.

use std::io;
use std::net::{IpAddr, SocketAddr};

use socket2::{Domain, Protocol, SockFilter, Socket, Type};

use super::port::PortError;

/// Sockets that keep the kernel from answering.
#[derive(Debug)]
pub(super) struct Ends(#[allow(dead_code, reason = "that they are open is all")] Vec<Socket>);

impl Ends {
    /// Binds them for a port's addresses.
    ///
    /// # Errors
    /// Where another program has UDP port 4789, or we may not.
    pub(super) fn bind(name: &str, addresses: &[IpAddr]) -> Result<Self, PortError> {
        let refused = |what: String, error: io::Error| PortError::Refused {
            name: name.to_owned(),
            reason: format!("{what}: {error}"),
        };
        let mut all = Vec::new();
        for ip in addresses.iter().filter(|ip| !is_of_link(ip)) {
            all.push(vxlan(*ip).map_err(|error| refused(format!("UDP port {VXLAN} of {ip}"), error))?);
        }
        for domain in [Domain::IPV4, Domain::IPV6] {
            match deaf(domain, Type::RAW, GRE) {
                Ok(socket) => all.push(socket),
                // A kernel without IPv6.
                Err(error) if error.raw_os_error() == Some(EAFNOSUPPORT) => {}
                Err(error) => return Err(refused(format!("IP protocol {GRE} (GRE)"), error)),
            }
        }
        Ok(Self(all))
    }
}

fn vxlan(ip: IpAddr) -> io::Result<Socket> {
    let at = SocketAddr::from((ip, VXLAN));
    let socket = deaf(Domain::for_address(at), Type::DGRAM, UDP)?;
    socket.bind(&at.into())?;
    Ok(socket)
}

/// A socket whose filter takes no byte of anything.
fn deaf(domain: Domain, kind: Type, protocol: i32) -> io::Result<Socket> {
    let socket = Socket::new(domain, kind, Some(Protocol::from(protocol)))?;
    socket.attach_filter(&[SockFilter::new(RETURN, 0, 0, 0)])?;
    Ok(socket)
}

/// Whether nobody beyond the cable can send to it.
fn is_of_link(ip: &IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

/// What comes to such a port of mirrors: the two protocols, and later fragments of what may be one of them.
pub(super) fn expression(filter: Option<&str>) -> String {
    let all = format!(
        "udp dst port {VXLAN} or ip proto {GRE} or ip6 proto {GRE} or (ip proto 17 and ip[6:2] & 0x1fff != 0) or ip6 proto 44"
    );
    filter.map_or_else(|| all.clone(), |filter| format!("({all}) and ({filter})"))
}

/// The port of VXLAN.
const VXLAN: u16 = 4_789;
/// IP protocols: RFC 768, RFC 2784.
const UDP: i32 = 17;
const GRE: i32 = 47;
/// `BPF_RET | BPF_K`: the filter ends, with so many bytes taken.
const RETURN: u16 = 0x06;
/// Of Linux.
const EAFNOSUPPORT: i32 = 97;
