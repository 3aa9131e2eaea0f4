//! What a site allows, forbids and expects: [`Policy`], rules about who may open sessions to whom, and who does what only few do.
//!
//! The first rule that fits speaks alone. Who is named by no rule is judged as the detectors do by themselves.

use std::collections::BTreeMap;
use std::net::IpAddr;

use spanwatch_parsers::Time;

use crate::expected::{Candidate, Role};
use crate::ledger::device::Device;
use crate::ledger::directory::is_site_address;
use crate::ledger::identity::Attribute;

/// The rules, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// All.
    pub rules: Vec<Rule>,
    /// Who is expected in a role, by names as of [`is_named`]: all of them, where the role is listed.
    pub expected: BTreeMap<Role, Vec<String>>,
    /// When people work there; at all times where it is empty.
    pub hours: Vec<Hours>,
}

/// Hours of each day from one day of the week to another, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hours {
    /// The first day and the last, 0 to 6 from Monday on; the last may come round before the first.
    pub days: (u8, u8),
    /// The first minute of a day and the one after the last, 0 to 1,440; after midnight where that is not later.
    pub minutes: (u16, u16),
}

impl Hours {
    /// Whether a moment is within them.
    #[must_use]
    pub fn hold(&self, at: Time) -> bool {
        // The first of January 1970 was a Thursday.
        let minute = at.0.div_euclid(60_000_000_000).saturating_add(3 * A_DAY);
        let (day, minute) = (minute.div_euclid(A_DAY).rem_euclid(7), minute.rem_euclid(A_DAY));
        let (first, last) = (i64::from(self.days.0), i64::from(self.days.1));
        let is_of = |day: i64| (day - first).rem_euclid(7) <= (last - first).rem_euclid(7);
        let (from, to) = (i64::from(self.minutes.0), i64::from(self.minutes.1));
        if from < to {
            return is_of(day) && (from..to).contains(&minute);
        }
        is_of(day) && minute >= from || is_of(day - 1) && minute < to
    }
}

/// One rule.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rule {
    /// Who opens: names in lower case, see [`is_named`].
    pub from: Vec<String>,
    /// To whom; to everybody where it is empty. `internet` is every public address.
    pub to: Vec<String>,
    /// On which ports; on all where it is empty.
    pub ports: Vec<u16>,
    /// Whether he may.
    pub may: bool,
}

/// Whom a session is opened to.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// His address.
    pub ip: IpAddr,
    /// Who he is, as far as he is known.
    pub device: Option<&'a Device>,
    /// The port; `None` where it is not known, which no rule about ports fits.
    pub port: Option<u16>,
}

impl Policy {
    /// Whether a device may open a session there; `None` where no rule fits.
    #[must_use]
    pub fn judge(&self, from: &Device, target: Target<'_>) -> Option<bool> {
        let fits = |rule: &&Rule| {
            let is_port = rule.ports.is_empty() || target.port.is_some_and(|port| rule.ports.contains(&port));
            let is_there = rule.to.is_empty() || rule.to.iter().any(|name| target.is_named(name));
            is_port && is_there && rule.from.iter().any(|name| is_named(from, name))
        };
        self.rules.iter().find(fits).map(|rule| rule.may)
    }

    /// Whether a rule may forbid a device something.
    #[must_use]
    pub fn forbids(&self, from: &Device) -> bool {
        let is_of = |rule: &Rule| !rule.may && rule.from.iter().any(|name| is_named(from, name));
        self.rules.iter().any(is_of)
    }

    /// Whether somebody is expected in a role; `None` where the role is not listed.
    #[must_use]
    pub fn expects(&self, role: Role, who: Candidate<'_>) -> Option<bool> {
        let is_meant = |name: &String| {
            who.ip.is_some_and(|ip| ip.to_string() == *name || is_in(ip, name))
                || who.device.is_some_and(|device| is_named(device, name))
        };
        self.expected.get(&role).map(|names| names.iter().any(is_meant))
    }

    /// Whether nobody works at that time, as far as it is known when people do.
    #[must_use]
    pub fn is_out_of_hours(&self, at: Time) -> bool {
        !self.hours.is_empty() && !self.hours.iter().any(|hours| hours.hold(at))
    }

    /// Whether a device may talk to the Internet as it likes.
    #[must_use]
    pub fn allows_out(&self, from: &Device) -> bool {
        let is_of = |rule: &&Rule| {
            let is_out = rule.to.is_empty() || rule.to.iter().any(|name| name == INTERNET);
            is_out && rule.from.iter().any(|name| is_named(from, name))
        };
        self.rules.iter().find(is_of).is_some_and(|rule| rule.may && rule.ports.is_empty())
    }
}

impl Target<'_> {
    fn is_named(&self, name: &str) -> bool {
        (name == INTERNET && !is_site_address(self.ip))
            || self.ip.to_string() == name
            || is_in(self.ip, name)
            || self.device.is_some_and(|device| is_named(device, name))
    }
}

/// Whether a device bears a name: its MAC, an address or a network that it is in, its kind, what the site's list or itself calls it.
#[must_use]
pub fn is_named(device: &Device, name: &str) -> bool {
    let own = device.identity.best(Attribute::Name).into_iter();
    let own = own.chain(device.identity.best(Attribute::Hostname)).map(|(value, _)| value.as_str());
    let listed = device.listing.as_ref().and_then(|row| row.name.as_ref());
    let mut names = own.chain(listed.map(|name| name.as_str())).chain([device.kind().0]);
    names.any(|own| own.eq_ignore_ascii_case(name))
        || device.macs.iter().any(|mac| mac.to_string() == name)
        || device.ips.iter().any(|ip| ip.to_string() == name || is_in(*ip, name))
}

/// Whether an address is in a network, as `192.0.2.0/24`.
#[must_use]
pub fn is_in(ip: IpAddr, network: &str) -> bool {
    let Some((base, bits)) = network.split_once('/') else { return false };
    let (Ok(base), Ok(bits)) = (base.parse::<IpAddr>(), bits.parse::<u32>()) else { return false };
    match (ip, base) {
        (IpAddr::V4(ip), IpAddr::V4(base)) if bits <= 32 => {
            (ip.to_bits() ^ base.to_bits()).checked_shr(32 - bits).unwrap_or(0) == 0
        }
        (IpAddr::V6(ip), IpAddr::V6(base)) if bits <= 128 => {
            (ip.to_bits() ^ base.to_bits()).checked_shr(128 - bits).unwrap_or(0) == 0
        }
        _ => false,
    }
}

/// Everybody outside.
const INTERNET: &str = "internet";
/// Minutes.
const A_DAY: i64 = 1_440;

#[cfg(test)]
mod tests {
    use spanwatch_parsers::Mac;

    use super::*;

    fn device(ip: &str) -> Device {
        let mut device = Device::new(Time(1));
        device.macs.push(Mac([2, 0, 0, 0, 0, 7]));
        device.ips.insert(ip.parse().unwrap());
        device
    }

    fn rule(from: &str, to: &str, ports: &[u16], may: bool) -> Rule {
        let to = Some(to.to_owned()).filter(|to| !to.is_empty());
        Rule { from: vec![from.to_owned()], to: to.into_iter().collect(), ports: ports.to_vec(), may }
    }

    fn judged(rules: &[Rule], ip: &str, port: u16) -> Option<bool> {
        let policy = Policy { rules: rules.to_vec(), ..Policy::default() };
        policy.judge(&device("192.0.2.7"), Target { ip: ip.parse().unwrap(), device: None, port: Some(port) })
    }

    #[test]
    fn the_first_rule_that_fits_speaks_alone() {
        let rules =
            [rule("192.0.2.7", "192.0.2.9", &[80], true), rule("unknown", "192.0.2.0/24", &[], false)];
        assert_eq!(judged(&rules, "192.0.2.9", 80), Some(true));
        assert_eq!(judged(&rules, "192.0.2.9", 81), Some(false));
        assert_eq!(judged(&rules, "198.51.100.9", 80), None);
        assert_eq!(judged(&[rule("02:00:00:00:00:07", "", &[], false)], "198.18.0.1", 1), Some(false));
        assert_eq!(judged(&[rule("camera", "", &[], false)], "198.18.0.1", 1), None);
    }

    #[test]
    fn the_internet_is_every_public_address() {
        let rules = [rule("unknown", "internet", &[], true)];
        assert_eq!(judged(&rules, "198.18.0.1", 443), Some(true));
        assert_eq!(judged(&rules, "192.0.2.9", 443), None);
        let policy = Policy { rules: rules.to_vec(), ..Policy::default() };
        assert!(policy.allows_out(&device("192.0.2.7")) && !policy.forbids(&device("192.0.2.7")));
        let on_a_port =
            Policy { rules: vec![rule("unknown", "internet", &[443], true)], ..Policy::default() };
        assert!(!on_a_port.allows_out(&device("192.0.2.7")));
    }

    #[test]
    fn who_is_listed_for_a_role_is_expected_and_nobody_else() {
        let names = |role, names: &[&str]| (role, names.iter().map(|it| (*it).to_owned()).collect());
        let roles = [names(Role::Dns, &["192.0.2.53", "198.51.100.0/24"]), names(Role::Viewer, &["unknown"])];
        let policy = Policy { expected: roles.into(), ..Policy::default() };
        let expects = |role, ip: &str, device: Option<&Device>| {
            policy.expects(role, Candidate { ip: ip.parse().ok(), device })
        };
        assert_eq!(expects(Role::Dns, "192.0.2.53", None), Some(true));
        assert_eq!(expects(Role::Dns, "198.51.100.9", None), Some(true));
        assert_eq!(expects(Role::Dns, "192.0.2.54", None), Some(false));
        assert_eq!(expects(Role::Viewer, "192.0.2.7", Some(&device("192.0.2.7"))), Some(true));
        assert_eq!(expects(Role::Ntp, "192.0.2.54", None), None);
    }

    #[test]
    fn hours_hold_over_midnight_and_the_end_of_the_week() {
        let day = Hours { days: (0, 4), minutes: (360, 1_080) };
        let night = Hours { days: (4, 0), minutes: (1_320, 300) };
        // The 23rd of November 2026 is a Monday.
        for (text, holds) in [
            ("2026-11-23T05:59:59Z", (false, false)),
            ("2026-11-23T06:00:00Z", (true, false)),
            ("2026-11-23T22:00:00Z", (false, true)),
            ("2026-11-24T04:59:59Z", (false, true)),
            ("2026-11-24T22:00:00Z", (false, false)),
            ("2026-11-27T17:59:59Z", (true, false)),
            ("2026-11-28T04:00:00Z", (false, true)),
            ("2026-11-28T12:00:00Z", (false, false)),
        ] {
            let at = crate::report::time::parse(text).unwrap();
            assert_eq!((day.hold(at), night.hold(at)), holds, "{text}");
            let policy = |hours: &[Hours]| Policy { hours: hours.to_vec(), ..Policy::default() };
            assert_eq!(policy(&[day, night]).is_out_of_hours(at), holds == (false, false), "{text}");
            assert!(!policy(&[]).is_out_of_hours(at));
        }
    }

    #[test]
    fn networks_hold_what_is_in_them() {
        let is_in = |ip: &str, network| is_in(ip.parse().unwrap(), network);
        assert!(is_in("192.0.2.9", "192.0.2.8/31") && !is_in("192.0.2.10", "192.0.2.8/31"));
        assert!(is_in("198.18.0.1", "0.0.0.0/0") && is_in("2001:db8::1", "2001:db8::/32"));
        for wrong in ["192.0.2.0/33", "192.0.2.0", "x/8", "2001:db8::/129"] {
            assert!(!is_in("192.0.2.9", wrong), "{wrong}");
        }
    }
}
