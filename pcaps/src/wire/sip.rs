//! SIP messages over UDP (RFC 3261, 7, 8.1.1 and 8.2.6).
//!
//! ```text
//! REGISTER sip:192.0.2.60 SIP/2.0\r\n             SIP/2.0 200 OK\r\n
//! Via, Max-Forwards, From, To, Call-ID, CSeq      Via, From, To, Call-ID, CSeq as in the request
//! Contact, User-Agent, Expires ...                name: value\r\n ...
//! Content-Length: 0\r\n\r\n                       Content-Length: 0\r\n\r\n
//! ```

use std::net::{IpAddr, SocketAddr};

use super::head;

/// Who speaks, and to whom.
#[derive(Debug, Clone, Copy)]
pub struct Agent<'a> {
    /// User name at the registrar, like a door station's number.
    pub user: &'a str,
    /// The registrar.
    pub registrar: IpAddr,
    /// Where the agent is reached.
    pub contact: SocketAddr,
    /// What it calls itself.
    pub user_agent: &'a str,
    /// Tells this dialogue from others; tag and branch come from it.
    pub call: u32,
}

impl Agent<'_> {
    /// Registers for so many seconds; 0 takes the registration back.
    #[must_use]
    pub fn register(&self, cseq: u32, expires_s: u32, headers: &[(&str, &str)]) -> Vec<u8> {
        let (user, registrar) = (self.user, host(self.registrar));
        let (expires, contact) = (expires_s.to_string(), format!("<sip:{user}@{}>", self.contact));
        let mut all = vec![("Contact", contact.as_str()), ("Expires", &expires)];
        all.extend_from_slice(headers);
        self.request("REGISTER", (&format!("sip:{registrar}"), user), cseq, &all)
    }

    /// Asks `user` at the registrar what it can do, as keep-alive.
    #[must_use]
    pub fn options(&self, user: &str, cseq: u32) -> Vec<u8> {
        let target = format!("sip:{user}@{}", host(self.registrar));
        self.request("OPTIONS", (&target, user), cseq, &[("Accept", "application/sdp")])
    }

    fn request(
        &self,
        method: &str,
        (target, to): (&str, &str),
        cseq: u32,
        headers: &[(&str, &str)],
    ) -> Vec<u8> {
        let Self { user, contact, call, .. } = self;
        let registrar = host(self.registrar);
        let via = format!("SIP/2.0/UDP {contact};branch=z9hG4bK{call:08x}{cseq:x};rport");
        let from = format!("<sip:{user}@{registrar}>;tag={call:08x}");
        let to = format!("<sip:{to}@{registrar}>");
        let (call, cseq) = (format!("{call:08x}@{}", host(contact.ip())), format!("{cseq} {method}"));
        let mut all = vec![
            ("Via", via.as_str()),
            ("Max-Forwards", "70"),
            ("From", &from),
            ("To", &to),
            ("Call-ID", &call),
            ("CSeq", &cseq),
            ("User-Agent", self.user_agent),
        ];
        all.extend_from_slice(headers);
        all.push(("Content-Length", "0"));
        head::message(&format!("{method} {target} SIP/2.0"), &all, &[])
    }
}

/// The answer to `request`, one of the above.
#[must_use]
pub fn response(request: &[u8], code: u16, reason: &str, headers: &[(&str, &str)]) -> Vec<u8> {
    let request = std::str::from_utf8(request).expect("a request of ours is text");
    let echoed = |line: &&str| ECHOED.iter().any(|name| line.starts_with(name));
    let mut all: Vec<(&str, String)> = request
        .lines()
        .filter(echoed)
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name, value.to_owned()))
        .collect();
    for (name, value) in &mut all {
        if *name == "To" {
            value.push_str(";tag=1");
        }
    }
    let mut all: Vec<(&str, &str)> = all.iter().map(|(name, value)| (*name, value.as_str())).collect();
    all.extend_from_slice(headers);
    all.push(("Content-Length", "0"));
    head::message(&format!("SIP/2.0 {code} {reason}"), &all, &[])
}

/// An address as it stands in a URI.
fn host(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    }
}

const ECHOED: [&str; 5] = ["Via: ", "From: ", "To: ", "Call-ID: ", "CSeq: "];
