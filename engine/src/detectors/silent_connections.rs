//! Connections that carry media which nobody can read, and fell silent while both ends live.
//!
//! ```text
//!  rate ▄▅▄▅▄▅▄▅▄▅▄▅▄▅▄                              all that is seen: bytes a second, each way
//!       └──── LEARNED ────┘▁▁▁▁▁▂▁▁▁▁▁▁▁▁▂           under 5 % of the rate
//!                          └patience┘  └ the client asked, the device answered, twice alike: stalled
//! ```
//!
//! That the client goes on to ask, and is answered alike, is what a keep-alive of RTSP inside TLS looks like. It shows that
//! the connection is open and both live: FIN, RST, a close_notify and a device that is gone let nothing follow. What keeps
//! trickling is a smaller picture and no stall; where the client acknowledges on at his pace, it is our mirror that lost
//! the media.
//!
//! Source: facts, `offline_and_switch` 9.3, V7; RFC 7826, 18.43 (keep-alive).

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use spanwatch_parsers::{Activity, Span, Time};

use super::Known;
use super::stalls::{OVERLAP, PATIENCE_GAPS, PATIENCE_MIN, Sign, Stall, Told, is_occasional};
use crate::ledger::directory::Number;
use crate::observation::{Cite, Observation};

/// Connections watched.
pub const CONNECTIONS_MAX: usize = 16_384;
/// So much a second begins to look like media: 64 kbit/s.
const MEDIA_MIN: u64 = 8_000;
/// Media is expected to go on once it ran this long: longer than where it can be read, for a download ends too.
const LEARNED: Span = Span::seconds(300);
/// One in so many bytes is silence (5 %).
const SILENT_IN: u64 = 20;
/// The rate is that of about so many seconds.
const SMOOTH: u64 = 32;
/// A frame longer than an acknowledgement carries bytes: Ethernet, VLAN, IPv6, TCP with time stamps and one SACK block.
const BARE_MAX: u64 = 14 + 4 + 40 + 20 + 12 + 12;
/// A question and its answer are no further apart.
const ANSWERED: Span = Span::seconds(2);
/// Two keep-alives are at least so far apart; the end of a connection takes less.
const APART: Span = Span::seconds(5);
/// And differ by so many bytes at most: a sequence number grows by a digit.
const ALIKE: u64 = 16;
/// At most one second in so many holds anything.
const QUIET_IN: i64 = 4;
/// Who is silent for so long gives way to others.
const FORGET: Span = Span::seconds(600);
/// Who sends media by trade.
const SENDERS: [&str; 3] = ["camera", "encoder", "intercom"];
/// Who takes it by trade, always.
const TAKERS: [&str; 2] = ["recorder", "vms"];
/// IP's number for TCP.
const TCP: u8 = 6;

/// A connection: who sends media from which port, and to whom.
type Key = (Number, u16, IpAddr, u16);

/// All connections that carry so much that it may be media.
#[derive(Debug, Default)]
pub struct Connections {
    connections: BTreeMap<Key, Box<Connection>>,
    refused: u64,
}

/// ```text
/// begins ──patience without a fall──► learned ──falls──► asked and answered alike, twice ──► stalled ──runs──► begins
/// ```
#[derive(Debug)]
struct Connection {
    flow: u64,
    began: Time,
    /// In watched time, as all that follows.
    first: Time,
    last: Time,
    last_frame: Cite,
    longest_gap: Span,
    /// Bytes a second, as long as it runs.
    rate: u64,
    went_on: Option<Time>,
    /// Since the last media: seconds in which the device sent anything, and its client.
    quiet: Quiet,
    stall: Option<usize>,
}

/// What came since the last media.
#[derive(Debug, Clone, Copy, Default)]
struct Quiet {
    sent: i64,
    received: i64,
    asked: Option<(Time, u64)>,
    answered: Option<(Time, u64)>,
    kept: Option<Kept>,
}

/// A question and its answer, in bytes on the wire.
#[derive(Debug, Clone, Copy)]
struct Kept {
    at: Time,
    asked: u64,
    answered: u64,
}

impl Connection {
    const fn new(flow: u64, at: Time, second: &Activity, cite: Cite) -> Self {
        Self {
            flow,
            began: at,
            first: at,
            last: at,
            last_frame: cite,
            longest_gap: Span::ZERO,
            rate: second.bytes,
            went_on: None,
            quiet: Quiet { sent: 0, received: 0, asked: None, answered: None, kept: None },
            stall: None,
        }
    }

    fn patience(&self) -> Span {
        self.longest_gap.times(PATIENCE_GAPS).max(PATIENCE_MIN)
    }

    /// Whether a fall of it at all is one.
    fn is_learned(&self) -> bool {
        self.last - self.first >= LEARNED && !is_occasional(self.went_on, self.last)
    }

    /// Whether both ends were quiet since.
    fn is_quiet(&self, at: Time) -> bool {
        let passed_s = (at - self.last).0 / Span::seconds(1).0;
        [self.quiet.sent, self.quiet.received]
            .iter()
            .all(|seconds| seconds.saturating_mul(QUIET_IN) <= passed_s)
    }

    /// Takes a second with media, and says which stall it ends.
    fn runs(&mut self, first: Time, last: Time, bytes: u64, cite: Cite) -> Option<usize> {
        let gap = first - self.last;
        let ended = self.stall.take();
        if ended.is_some() {
            (self.first, self.longest_gap) = (first, Span::ZERO);
        } else if gap >= PATIENCE_MIN {
            self.went_on = Some(first);
        } else {
            self.longest_gap = self.longest_gap.max(gap);
        }
        self.learn(bytes);
        (self.last, self.last_frame, self.quiet) = (self.last.max(last), cite, Quiet::default());
        ended
    }

    const fn learn(&mut self, bytes: u64) {
        self.rate = (self.rate.saturating_mul(SMOOTH - 1).saturating_add(bytes)) / SMOOTH;
    }

    /// Whether the client was answered now, as he was once before since the media stopped.
    fn is_kept_alive(&mut self) -> Option<Time> {
        let quiet = &mut self.quiet;
        let ((asked_at, asked), (answered_at, answered)) = (quiet.asked?, quiet.answered?);
        if (answered_at - asked_at).0.abs() > ANSWERED.0 {
            return None;
        }
        (quiet.asked, quiet.answered) = (None, None);
        let now = Kept { at: asked_at.max(answered_at), asked, answered };
        let is_again = |before: Kept| {
            now.at - before.at >= APART
                && now.asked.abs_diff(before.asked) <= ALIKE
                && now.answered.abs_diff(before.answered) <= ALIKE
        };
        let is_kept = quiet.kept.is_some_and(is_again);
        quiet.kept = Some(now);
        is_kept.then_some(now.at)
    }
}

impl Connections {
    /// Takes a second of one side of a flow.
    pub fn carried(
        &mut self,
        second: &Activity,
        seen: &Observation,
        offset: Span,
        told: &mut Told,
        known: &Known<'_>,
    ) {
        // What is read says for itself whether it stalled.
        if seen.transport != Some(TCP) || !matches!(second.protocol, None | Some("tls")) {
            return;
        }
        let (Some(from), Some(to)) = (seen.subject.ip, seen.peer.ip) else { return };
        let (first, last) = (second.first - offset, second.last - offset);
        let carries = second.bytes > second.packets.saturating_mul(BARE_MAX);
        let key = known.subject(seen).map(|it| (it, seen.subject.port, to, seen.peer.port));
        let back = || known.peer(seen).map(|it| (it, seen.peer.port, from, seen.subject.port));
        let key = if let Some((key, it)) = key.and_then(|key| Some((key, self.connections.get_mut(&key)?))) {
            if it.flow != second.flow {
                self.connections.remove(&key);
                return self.begin(key, second, first, seen.cite);
            }
            if second.bytes.saturating_mul(SILENT_IN) >= it.rate {
                if let Some(index) = it.runs(first, last, second.bytes, seen.cite) {
                    told.end(index, second.first, Cite::new(second.first_frame.0, second.first_frame.1));
                }
                return;
            }
            if first - it.last < PATIENCE_MIN {
                it.learn(second.bytes);
            }
            it.quiet.sent = it.quiet.sent.saturating_add(1);
            it.quiet.answered = carries.then_some((last, second.bytes)).or(it.quiet.answered);
            key
        } else if let Some((key, it)) = back().and_then(|key| Some((key, self.connections.get_mut(&key)?))) {
            it.quiet.received = it.quiet.received.saturating_add(1);
            it.quiet.asked = carries.then_some((last, second.bytes)).or(it.quiet.asked);
            key
        } else {
            if let Some(key) = key {
                self.begin(key, second, first, seen.cite);
            }
            return;
        };
        let kept = self.connections.get_mut(&key).and_then(|it| it.is_kept_alive());
        if let Some(at) = kept
            && let Some(stall) = self.judge(key, at, seen.cite, offset, known)
            && let Some(index) = told.tell(stall)
            && let Some(it) = self.connections.get_mut(&key)
        {
            it.stall = Some(index);
        }
    }

    /// Connections for which there was no room.
    pub const fn refused(&self) -> u64 {
        self.refused
    }

    /// Says that one device turned out to be another.
    pub fn renumber(&mut self, gone: Number, kept: Number) {
        let (first, last) = (IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::from_bits(u128::MAX)));
        let of_it = (gone, 0, first, 0)..=(gone, u16::MAX, last, u16::MAX);
        let moved: Vec<Key> = self.connections.range(of_it).map(|(key, _)| *key).collect();
        for key in moved {
            let Some(it) = self.connections.remove(&key) else { continue };
            self.connections.entry((kept, key.1, key.2, key.3)).or_insert(it);
        }
    }

    fn begin(&mut self, key: Key, second: &Activity, at: Time, cite: Cite) {
        if second.bytes < MEDIA_MIN {
            return;
        }
        if self.connections.len() >= CONNECTIONS_MAX {
            self.connections.retain(|_, it| at - it.last < FORGET);
        }
        if self.connections.len() >= CONNECTIONS_MAX {
            self.refused = self.refused.saturating_add(1);
            return;
        }
        self.connections.insert(key, Box::new(Connection::new(second.flow, at, second, cite)));
    }

    /// What is to be told of a connection whose client was answered at `at`.
    fn judge(&self, key: Key, at: Time, cite: Cite, offset: Span, known: &Known<'_>) -> Option<Stall> {
        let it = self.connections.get(&key)?;
        let (device, _, to, _) = key;
        let kind_of = |number| known.directory.device(number).map_or("unknown", |device| device.kind().0);
        let is_ripe = it.stall.is_none() && at - it.last >= it.patience();
        if !is_ripe || !it.is_learned() || !it.is_quiet(at) || !SENDERS.contains(&kind_of(device)) {
            return None;
        }
        let is_running = |other: &Connection| at - other.last < PATIENCE_MIN;
        let mut of_client = self.connections.iter().filter(|(other, _)| other.2 == to && **other != key);
        let mut is_taken_by_trade =
            known.directory.find_ip(to, None).is_some_and(|client| TAKERS.contains(&kind_of(client)));
        // The client may have asked anew beside it.
        let is_followed = of_client.any(|(other, its)| {
            is_taken_by_trade |= other.0 != device && is_running(its);
            other.0 == device && is_running(its) && its.began >= it.last - OVERLAP
        });
        (is_taken_by_trade && !is_followed).then(|| Stall {
            device,
            opened_as: known.id_of(device),
            to,
            since: it.last + offset,
            last_frame: it.last_frame,
            detected: at + offset,
            ran: it.last - it.first,
            pause: it.longest_gap,
            sign: (at + offset, cite, Sign::KeptAlive { rate: it.rate }),
            ended: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::bench::{Bench, activity, party, s};
    use super::super::stream_stalled::KIND;
    use super::*;
    use crate::observation::Party;
    use spanwatch_parsers::{Concluded, Fact, Key as Said, Label, Mac};

    /// From here on camera 0 is silent, having run from second 0 on.
    const STOP: i64 = 400;

    fn camera(n: u8) -> Party {
        Party { port: 322, ..party(Mac([2, 0, 0, 0, 1, n]), &format!("192.0.2.1{n}"), None) }
    }

    fn recorder(n: u8) -> Party {
        Party { port: 40_000 + u16::from(n), ..party(Mac([2, 0, 0, 0, 0, 9]), "192.0.2.9", None) }
    }

    fn is_a(bench: &mut Bench, who: Party, kind: &str) {
        let label = Label {
            attribute: Concluded::Kind,
            value: kind.into(),
            strength: 90,
            key: Said::WsdType,
            entry: &"test",
        };
        bench.sees(s(0), who, Party::default(), Fact::Label(label));
    }

    /// One second of a flow with the number of its camera.
    fn sends(bench: &mut Bench, (from, to): (Party, Party), flow: u8, at: i64, packets: u64, bytes: u64) {
        let second = Activity { flow: flow.into(), protocol: Some("tls"), bytes, ..activity(s(at), packets) };
        bench.sees(s(at), from, to, Fact::Activity(second));
    }

    fn streams(bench: &mut Bench, n: u8, at: i64) {
        sends(bench, (camera(n), recorder(n)), n, at, 60, 80_000);
        sends(bench, (recorder(n), camera(n)), n, at, 30, 30 * 66);
    }

    /// A question of 200 bytes, an answer of 150, and an acknowledgement.
    fn keeps_alive(bench: &mut Bench, n: u8, at: i64) {
        sends(bench, (recorder(n), camera(n)), n, at, 2, 266 + 66);
        sends(bench, (camera(n), recorder(n)), n, at, 1, 216);
    }

    /// Cameras 0 to `stopping` stop, one more goes on; what else happens in each second.
    fn site(stopping: u8, until: i64, mut meanwhile: impl FnMut(&mut Bench, i64)) -> Bench {
        let mut bench = Bench::new();
        (0..=stopping).for_each(|n| is_a(&mut bench, camera(n), "camera"));
        for at in 0..until {
            for n in 0..stopping {
                if at < STOP {
                    streams(&mut bench, n, at);
                }
                if at % 15 == 0 && at > STOP {
                    keeps_alive(&mut bench, n, at);
                }
            }
            streams(&mut bench, stopping, at);
            meanwhile(&mut bench, at);
            bench.tick(s(at));
        }
        bench
    }

    fn stalls(bench: &Bench) -> usize {
        bench.of(&KIND).len()
    }

    #[test]
    fn who_keeps_his_connection_and_sends_no_more_has_stalled_until_he_sends() {
        let bench = site(1, 500, |bench, at| {
            if at >= 480 {
                streams(bench, 0, at);
            }
        });
        let [finding] = &bench.of(&KIND)[..] else { panic!("one finding") };
        assert_eq!((finding.first_seen, finding.detected), (s(STOP - 1), s(420)));
        assert_eq!((finding.ended, finding.confidence), (Some(s(480)), 70));
        assert_eq!(finding.evidence.len(), 3);
    }

    #[test]
    fn whose_connection_is_closed_after_the_media_has_not_stalled() {
        let mut bench = site(1, 406, |_, _| {});
        (406..500).for_each(|at| {
            streams(&mut bench, 1, at);
            bench.tick(s(at));
        });
        assert_eq!(stalls(&bench), 0);
    }

    #[test]
    fn who_sends_only_now_and_then_has_not_stalled() {
        let mut bench = Bench::new();
        (0..2).for_each(|n| is_a(&mut bench, camera(n), "camera"));
        for at in 0..500 {
            if at < STOP && !(340..352).contains(&at) {
                streams(&mut bench, 0, at);
            }
            if at % 15 == 0 {
                keeps_alive(&mut bench, 0, at);
            }
            streams(&mut bench, 1, at);
            bench.tick(s(at));
        }
        assert_eq!(stalls(&bench), 0);
    }

    #[test]
    fn a_smaller_picture_is_no_stall() {
        let small = |bench: &mut Bench, at| {
            if at >= STOP {
                sends(bench, (camera(0), recorder(0)), 0, at, 3, 2_400);
            }
        };
        assert_eq!(stalls(&site(1, 500, small)), 0);
    }

    #[test]
    fn a_client_that_acknowledges_on_shows_that_the_mirror_lost_the_media() {
        let acknowledged = |bench: &mut Bench, at| {
            if at >= STOP {
                sends(bench, (recorder(0), camera(0)), 0, at, 30, 30 * 66);
            }
        };
        assert_eq!(stalls(&site(1, 500, acknowledged)), 0);
    }

    #[test]
    fn a_download_that_ended_leaves_a_connection_in_which_nobody_asks() {
        let mut bench = Bench::new();
        (0..2).for_each(|n| is_a(&mut bench, camera(n), "camera"));
        for at in 0..900 {
            if at < STOP {
                streams(&mut bench, 0, at);
            } else if at % 15 == 0 {
                // TCP's own keep-alives.
                sends(&mut bench, (recorder(0), camera(0)), 0, at, 1, 66);
                sends(&mut bench, (camera(0), recorder(0)), 0, at, 1, 66);
            }
            streams(&mut bench, 1, at);
            bench.tick(s(at));
        }
        assert_eq!(stalls(&bench), 0);
    }

    #[test]
    fn who_asked_anew_beside_it_misses_nothing() {
        let beside = |bench: &mut Bench, at| {
            if at >= STOP - 5 {
                sends(bench, (camera(0), recorder(7)), 7, at, 60, 80_000);
            }
        };
        assert_eq!(stalls(&site(1, 500, beside)), 0);
    }

    #[test]
    fn three_at_once_are_no_encoder() {
        assert_eq!((stalls(&site(2, 500, |_, _| {})), stalls(&site(3, 500, |_, _| {}))), (2, 0));
    }

    #[test]
    fn only_a_camera_whose_client_takes_media_always_is_missed() {
        let told = |sender: &str, taker: Option<&str>, began: i64| {
            let mut bench = Bench::new();
            is_a(&mut bench, camera(0), sender);
            taker.into_iter().for_each(|kind| is_a(&mut bench, recorder(0), kind));
            for at in began..500 {
                if at < STOP {
                    streams(&mut bench, 0, at);
                } else if at % 15 == 0 {
                    keeps_alive(&mut bench, 0, at);
                }
                bench.tick(s(at));
            }
            stalls(&bench)
        };
        assert_eq!(told("camera", Some("recorder"), 0), 1);
        assert_eq!(told("camera", Some("recorder"), 200), 0, "it ran for a short time only");
        assert_eq!(told("camera", None, 0), 0, "a viewer may have paused");
        assert_eq!(told("workstation", Some("recorder"), 0), 0);
    }
}
