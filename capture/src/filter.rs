//! A filter in the language of tcpdump: [`Filter`].
//!
//! Compiled by libpcap, once for each link type that occurs. Tests of a frame's
//! length (`less`, `greater`, `len`) see what was captured of it.

use std::collections::BTreeMap;
use std::fmt;

use pcap::{BpfProgram, Capture, Linktype};
use spanwatch_parsers::LinkType;

use crate::link_type::{library_number, link_type_name};

/// A filter expression and its programs.
pub struct Filter {
    expression: String,
    programs: BTreeMap<LinkType, Result<BpfProgram, String>>,
    /// Link types of frames so far.
    met: Vec<LinkType>,
}

/// A filter expression that no link type can run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the filter \"{expression}\" is not understood: {reason}")]
pub struct FilterError {
    /// The expression as it was given.
    pub expression: String,
    /// What the compiler says.
    pub reason: String,
}

impl Filter {
    /// Checks an expression.
    ///
    /// # Errors
    /// Where it can be compiled for no link type that Spanwatch reads; the reason is Ethernet's.
    pub fn new(expression: &str) -> Result<Self, FilterError> {
        let mut filter =
            Self { expression: expression.to_owned(), programs: BTreeMap::new(), met: Vec::new() };
        for link in TRIED {
            filter.program(link);
        }
        let reason = match filter.programs.get(&LinkType::ETHERNET) {
            Some(Err(reason)) if filter.programs.values().all(Result::is_err) => reason.clone(),
            _ => return Ok(filter),
        };
        Err(FilterError { expression: filter.expression, reason })
    }

    /// Whether a frame passes. None of a link type does for which the expression makes no sense.
    pub fn passes(&mut self, link: LinkType, frame: &[u8]) -> bool {
        if self.met.last() != Some(&link) && !self.met.contains(&link) {
            self.met.push(link);
        }
        self.program(link).as_ref().is_ok_and(|program| program.filter(frame))
    }

    /// Why no frame of some link types that occurred could pass: one sentence each.
    pub fn refusals(&self) -> impl Iterator<Item = String> {
        let refused =
            self.met.iter().filter_map(|link| Some((link, self.programs.get(link)?.as_ref().err()?)));
        refused.map(|(link, reason)| {
            format!("the filter does not fit frames of type {}: {reason}", link_type_name(*link))
        })
    }

    fn program(&mut self, link: LinkType) -> &Result<BpfProgram, String> {
        let expression = &self.expression;
        self.programs.entry(link).or_insert_with(|| compile(expression, link))
    }
}

fn compile(expression: &str, link: LinkType) -> Result<BpfProgram, String> {
    let number = i32::try_from(library_number(link)).map_err(|_| "unknown link type".to_owned())?;
    let dead = Capture::dead(Linktype(number)).map_err(|error| reason(&error))?;
    dead.compile(expression, true).map_err(|error| reason(&error))
}

fn reason(error: &pcap::Error) -> String {
    match error {
        pcap::Error::PcapError(text) => text.clone(),
        other => other.to_string(),
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Filter").field(&self.expression).finish()
    }
}

/// Link types an expression is tried for before anything is read.
const TRIED: [LinkType; 5] =
    [LinkType::ETHERNET, LinkType::LINUX_SLL, LinkType::LINUX_SLL2, LinkType::RAW, LinkType::NULL];

#[cfg(test)]
mod tests {
    use super::*;

    /// A UDP datagram from 192.0.2.1:53 to 192.0.2.2:1000.
    const PACKET: &[u8] =
        b"\x45\0\0\x1c\0\0\0\0\x40\x11\0\0\xc0\0\x02\x01\xc0\0\x02\x02\0\x35\x03\xe8\0\x08\0\0";

    fn ethernet() -> Vec<u8> {
        [&b"\x02\0\0\0\0\x01\x02\0\0\0\0\x02\x08\0"[..], PACKET].concat()
    }

    #[test]
    fn expression_is_compiled_for_each_link_type() {
        let mut filter = Filter::new("udp port 53 and host 192.0.2.2").unwrap();
        assert!(filter.passes(LinkType::ETHERNET, &ethernet()));
        assert!(filter.passes(LinkType::RAW, PACKET));
        assert!(filter.passes(LinkType::IPV4, PACKET));
        let mut other = Filter::new("tcp").unwrap();
        assert!(!other.passes(LinkType::ETHERNET, &ethernet()));
        assert!(!other.passes(LinkType::RAW, PACKET));
    }

    #[test]
    fn link_type_that_does_not_fit_lets_nothing_pass_and_says_why() {
        let mut filter = Filter::new("ether src 02:00:00:00:00:02").unwrap();
        assert!(filter.passes(LinkType::ETHERNET, &ethernet()));
        assert!(!filter.passes(LinkType::RAW, PACKET));
        let refusals: Vec<_> = filter.refusals().collect();
        assert_eq!(refusals.len(), 1);
        assert!(refusals[0].starts_with("the filter does not fit frames of type raw: "), "{refusals:?}");
    }

    #[test]
    fn bad_expression_is_refused() {
        let error = Filter::new("hots 192.0.2.1").unwrap_err();
        assert!(
            error.to_string().starts_with("the filter \"hots 192.0.2.1\" is not understood: "),
            "{error}"
        );
    }

    #[test]
    fn frame_that_is_cut_does_not_pass() {
        let mut filter = Filter::new("udp port 53").unwrap();
        for end in 0..36 {
            assert!(!filter.passes(LinkType::ETHERNET, &ethernet()[..end]), "{end}");
        }
    }
}
