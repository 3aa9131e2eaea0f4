//! Who hangs on two cables of one switch, and of which one he is heard no more.
//!
//! A root bridge hears no BPDU from below: which way an access switch takes shows only when its tree changes, for that
//! it tells by the way to the root. LLDP and CDP show which cables there are.
//!
//! ```text
//! announced by two ports of one chassis ──one falls silent, the other goes on; meanwhile the other
//!                                          told of a change of the tree──► the other is its way now
//! ```
//!
//! A port that spoke for its own segment (designated) until then led away from the root: what is lost there is no
//! way to it.
//!
//! Source: IEEE 802.1AB-2016, 9.2.5 and 8.5.4; IEEE 802.1D-1998, 8.6.6 (a notification is sent on the root port alone).

use spanwatch_parsers::{Fact, Mac, Neighbor, Span, Text, Time};

use crate::bounded::Expiring;
use crate::observation::{Cite, Observation};

/// Switches that announce themselves.
const SWITCHES_MAX: usize = 4_096;
/// Ports kept of one.
const ENDS_MAX: usize = 16;
/// Ports that speak of the tree.
const SPEAKERS_MAX: usize = 16_384;
/// Longer than any time to live (16 bits of seconds).
const IDLE: Span = Span::seconds(65_536);
/// A port is one after so many announcements.
const ANNOUNCED: u32 = 2;
/// The way is taken so long after the other was last announced, its time to live apart: STP's two delays at most
/// (IEEE 802.1D-2004, table 17-1).
const SWITCHES_OVER: Span = Span::seconds(60);
/// Who spoke for his segment spoke so shortly before: three hellos and more.
const SPOKE: Span = Span::seconds(10);
/// No result depends on it.
const SEED: u64 = 0x656e_6473;

/// One end of a cable.
#[derive(Debug)]
struct End {
    mac: Mac,
    port: Text,
    last: (Time, Cite),
    ttl: Span,
    count: u32,
    is_lost: bool,
}

/// What a port said of the tree.
#[derive(Debug, Default)]
struct Speaker {
    /// When it was last designated.
    designated: Option<Time>,
    /// When it last told of a change towards the root, and in which frame.
    changed: Option<(Time, Cite)>,
}

/// What became of an end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// Its switch does without.
    Lost {
        /// The MAC it was announced from.
        mac: Mac,
        /// The switch's own, where it says it.
        chassis: Option<Mac>,
        /// What the switch calls the port, and the port that it uses now.
        ports: (Text, Text),
        /// Its last announcement.
        before: (Time, Cite),
        /// The change that the other port told of.
        first: (Time, Cite),
    },
    /// It is announced again, from this MAC.
    Back(Mac),
}

/// The cables of all switches that announce themselves.
#[derive(Debug)]
pub struct Ends {
    switches: Expiring<Text, Vec<End>>,
    speakers: Expiring<Mac, Speaker>,
    /// The frame of the last BPDU that knows its tree.
    frame: u64,
}

impl Default for Ends {
    fn default() -> Self {
        Self {
            switches: Expiring::new(SWITCHES_MAX, IDLE, SEED),
            speakers: Expiring::new(SPEAKERS_MAX, IDLE, SEED),
            frame: 0,
        }
    }
}

impl Ends {
    /// Takes the next observation.
    pub fn observe(&mut self, seen: &Observation) -> Option<News> {
        let mac = seen.subject.mac?;
        match &seen.fact {
            Fact::Neighbor(neighbor) if neighbor.ttl_s > 0 => return self.announced(mac, neighbor, seen),
            Fact::Bridge(bridge) => {
                self.frame = seen.place.frame;
                let speaker = self.speaker(mac, seen.at)?;
                match bridge.flags.role() {
                    ROOT_PORT if bridge.flags.is_topology_change() => {
                        speaker.changed = Some((seen.at, seen.cite));
                    }
                    UNKNOWN | DESIGNATED => speaker.designated = Some(seen.at),
                    _ => {}
                }
            }
            // What a BPDU with a tree says was taken with it.
            Fact::TopologyChange { .. } if seen.place.frame != self.frame => {
                self.speaker(mac, seen.at)?.changed = Some((seen.at, seen.cite));
            }
            _ => {}
        }
        None
    }

    /// Says that nobody watched: what changes meanwhile is learned.
    pub fn unwatched(&mut self) {
        *self = Self::default();
    }

    fn speaker(&mut self, mac: Mac, at: Time) -> Option<&mut Speaker> {
        if self.speakers.find(&mac).is_none() {
            self.speakers.insert(mac, Speaker::default(), at);
        }
        self.speakers.get(&mac, at)
    }

    fn announced(&mut self, mac: Mac, neighbor: &Neighbor, seen: &Observation) -> Option<News> {
        let at = seen.at;
        let ttl = Span::seconds(neighbor.ttl_s.into());
        if self.switches.find(&neighbor.chassis).is_none() {
            self.switches.insert(neighbor.chassis.clone(), Vec::new(), at);
        }
        let ends = self.switches.get(&neighbor.chassis, at)?;
        let last = (at, seen.cite);
        if let Some(end) = ends.iter_mut().find(|end| end.mac == mac) {
            (end.last, end.ttl, end.count) = (last, ttl, end.count.saturating_add(1));
            if std::mem::take(&mut end.is_lost) {
                return Some(News::Back(mac));
            }
        } else if ends.len() < ENDS_MAX {
            ends.push(End { mac, port: neighbor.port.clone(), last, ttl, count: 1, is_lost: false });
        }
        let (changed_at, cite) = self.speakers.peek(&mac)?.changed?;
        let speakers = &self.speakers;
        let is_lost = |end: &&mut End| {
            let span = end.last.0..=end.last.0 + end.ttl + SWITCHES_OVER;
            let designated = speakers.peek(&end.mac).and_then(|it| it.designated);
            end.mac != mac
                && !end.is_lost
                && end.count >= ANNOUNCED
                && end.last.0 + end.ttl < at
                && span.contains(&changed_at)
                && designated.is_none_or(|spoke| spoke < end.last.0 - SPOKE)
        };
        let end = ends.iter_mut().find(is_lost)?;
        end.is_lost = true;
        let ports = (end.port.clone(), neighbor.port.clone());
        Some(News::Lost {
            mac: end.mac,
            chassis: neighbor.mac,
            ports,
            before: end.last,
            first: (changed_at, cite),
        })
    }
}

/// Roles of ports (IEEE 802.1D-2004, 9.3.3).
const UNKNOWN: u8 = 0;
const ROOT_PORT: u8 = 2;
const DESIGNATED: u8 = 3;

#[cfg(test)]
mod tests {
    use super::super::bench::{cite, mac, s};
    use super::super::roots::tests::{bpdu, from};
    use super::*;
    use crate::observation::{Party, Place};

    /// Two ports of one switch, by the last byte of their MACs.
    const A: u8 = 1;
    const B: u8 = 2;

    /// Sees one port's word.
    fn sees(ends: &mut Ends, at: i64, port: u8, fact: Fact) -> Option<News> {
        ends.observe(&Observation {
            place: Place { frame: cite(s(at)).frame(), ..Place::default() },
            at: s(at),
            cite: cite(s(at)),
            subject: from(port),
            peer: Party::default(),
            transport: None,
            source: "lldp",
            fact,
        })
    }

    /// A switch is announced every ten seconds by each port from when to when, and tells of a change by one.
    fn told(spans: &[(u8, i64, i64)], change: Option<(u8, i64)>, designated: bool) -> Vec<(i64, News)> {
        let mut ends = Ends::default();
        let mut news = Vec::new();
        let last = spans.iter().map(|it| it.2).max().unwrap_or(0);
        for n in 0..last {
            let speaks = |it: &&(u8, i64, i64)| (it.1..it.2).contains(&n);
            for (port, ..) in spans.iter().filter(speaks) {
                if designated && n % 2 == 0 {
                    sees(&mut ends, n, *port, bpdu(9, *port, false, 3, None));
                }
                let neighbor = Neighbor {
                    chassis: "sw".into(),
                    mac: Some(mac(9)),
                    port: format!("ge{port}").as_str().into(),
                    ttl_s: 30,
                    ..Neighbor::default()
                };
                if n % 10 == 0 {
                    let said = sees(&mut ends, n, *port, Fact::Neighbor(Box::new(neighbor)));
                    news.extend(said.map(|it| (n, it)));
                }
            }
            if let Some((port, _)) = change.filter(|(_, at)| *at == n) {
                sees(&mut ends, n, port, Fact::TopologyChange { vlan: None });
            }
        }
        news
    }

    #[test]
    fn of_two_cables_one_is_silent_and_the_other_is_the_way_now() {
        let lost = News::Lost {
            mac: mac(A),
            chassis: Some(mac(9)),
            ports: ("ge1".into(), "ge2".into()),
            before: (s(90), cite(s(90))),
            first: (s(99), cite(s(99))),
        };
        assert_eq!(told(&[(A, 0, 95), (B, 0, 300)], Some((B, 99)), false), [(130, lost.clone())]);
        let back = told(&[(A, 0, 95), (B, 0, 300), (A, 200, 300)], Some((B, 99)), false);
        assert_eq!(back, [(130, lost), (200, News::Back(mac(A)))]);
    }

    #[test]
    fn a_port_that_falls_silent_without_a_change_or_long_before_one_is_no_way_that_was_lost() {
        assert_eq!(told(&[(A, 0, 95), (B, 0, 300)], None, false), []);
        assert_eq!(told(&[(A, 0, 95), (B, 0, 300)], Some((A, 99)), false), []);
        assert_eq!(told(&[(A, 0, 95), (B, 0, 400)], Some((B, 200)), false), []);
    }

    #[test]
    fn a_port_that_spoke_for_its_own_segment_led_to_no_root() {
        assert_eq!(told(&[(A, 0, 95), (B, 0, 300)], Some((B, 99)), true), []);
    }

    #[test]
    fn state_is_bounded() {
        let mut ends = Ends::default();
        for n in 0..20_000_u32 {
            let [_, b, c, d] = n.to_be_bytes();
            let subject = Party { mac: Some(Mac([2, 0, 0, b, c, d])), ..Party::default() };
            let chassis = format!("sw{}", n % 5_000);
            for fact in [
                Fact::TopologyChange { vlan: None },
                Fact::Neighbor(Box::new(Neighbor {
                    chassis: chassis.as_str().into(),
                    ttl_s: 30,
                    ..Neighbor::default()
                })),
                Fact::Neighbor(Box::new(Neighbor {
                    chassis: "one".into(),
                    ttl_s: 30,
                    ..Neighbor::default()
                })),
            ] {
                ends.observe(&Observation {
                    place: Place { frame: n.into(), ..Place::default() },
                    at: s(n.into()),
                    cite: cite(s(n.into())),
                    subject,
                    peer: Party::default(),
                    transport: None,
                    source: "lldp",
                    fact,
                });
            }
        }
        assert!(ends.switches.len() <= SWITCHES_MAX && ends.speakers.len() <= SPEAKERS_MAX);
        assert!(ends.switches.peek(&"one".into()).is_some_and(|ends| ends.len() == ENDS_MAX));
    }
}
