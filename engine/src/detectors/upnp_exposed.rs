//! `upnp-exposed`: a device had the router open a way in from outside.
//!
//! ## What it says
//! A router granted what a device of the site asked for, or somebody for it: a port mapping by UPnP (AddPortMapping), NAT-PMP or PCP.
//!
//! ## Why it matters
//! From then on everybody on the Internet reaches the device behind the firewall, and nobody who looks after the firewall set it so.
//!
//! ## Where it is wrong
//! A telephone or a game asks for such ways, too; they are told of any device.
//!
//! ## State
//! See [`super::weakness`].

use spanwatch_parsers::Fact;

use super::weakness::{ALWAYS, Rule, Sight, Told, Watch, Words};
use crate::finding::{Kind, Severity};
use crate::observation::{Observation, Party};

/// The kind.
pub const KIND: Kind = Kind {
    id: "upnp-exposed",
    category: "weakness",
    severity: Severity::Medium,
    source: include_str!("upnp_exposed.rs"),
    start: Some(|| Box::new(Watch::new(&RULE))),
};

const RULE: Rule = Rule {
    kind: &KIND,
    see,
    words,
    confidence: 95,
    is_common: false,
    reads: |fact| matches!(fact, Fact::PortMapped(_)),
    applies: ALWAYS,
};

fn see(seen: &Observation) -> Option<Sight> {
    let Fact::PortMapped(mapped) = &seen.fact else { return None };
    let other = mapped.client.filter(|ip| Some(*ip) != seen.subject.ip);
    // Who asks for another exposes that other.
    let who = match other {
        Some(ip) => Party { ip: Some(ip), vlan: seen.subject.vlan, ..Party::default() },
        None => seen.subject,
    };
    let asked = match (other, seen.subject.ip) {
        (Some(_), Some(ip)) => format!(", asked for by {ip}"),
        _ => String::new(),
    };
    let outside = match mapped.external {
        0 => "any port".to_owned(),
        port => format!("port {port}"),
    };
    let what = format!(
        "{} {outside} outside leads to port {} ({}{asked})",
        mapped.transport, mapped.internal, mapped.by
    );
    Some(Sight { who, ..Sight::of(seen, what) })
}

fn words(told: &Told<'_>) -> Words {
    let Told { who, what, turn } = told;
    Words {
        title: format!("{who} can be reached from the Internet through the router"),
        summary: format!(
            "{who} had the router open a way in from the Internet: whoever finds it can try to get in. {turn}: close that way."
        ),
        detail: format!("Granted by the router: {what}."),
        remedy: "Switch UPnP, \"NAT traversal\" or \"automatic port mapping\" off in the device, and UPnP, NAT-PMP and PCP off at the router; delete the mapping there. Let who must reach the device come by a VPN.".to_owned(),
        verify: "The router's table of port mappings names the device no more.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use spanwatch_parsers::PortMapped;

    use super::super::weakness::bench::kinds_at;
    use super::*;

    fn found(client: Option<&str>) -> Vec<crate::finding::Finding> {
        let client = client.map(|ip| ip.parse().unwrap());
        let mapped = PortMapped { by: "UPnP", transport: "TCP", external: 8_000, internal: 80, client };
        let said = (1, Fact::PortMapped(Box::new(mapped)));
        kinds_at(49_000, &KIND, &[&said, &said])
    }

    #[test]
    fn who_has_a_way_opened_is_told_once() {
        let [finding] = &found(Some("192.0.2.1"))[..] else { panic!("one finding") };
        assert_eq!(finding.evidence[0].text, "TCP port 8000 outside leads to port 80 (UPnP)");
        assert_eq!(finding.count, 2);
        assert_eq!(found(None).len(), 1);
    }

    #[test]
    fn who_asks_for_somebody_that_is_nobody_here_is_none_and_no_other_exchange_is() {
        assert!(found(Some("192.0.2.77")).is_empty());
        assert!(kinds_at(1900, &KIND, &[&(1, Fact::Service { protocol: "ssdp" })]).is_empty());
    }
}
