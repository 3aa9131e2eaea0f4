//! Where packets are lost: before us, behind us, or in the mirror.
//!
//! ```text
//!   sender ───────► switch ───────► receiver        its stream's numbers have holes      the receiver reports them
//!      before us      │     behind us               before us         yes                        yes
//!                     ▼ mirror                      behind us         no                         yes
//!                  Spanwatch                        in the mirror     yes                        no
//! ```
//!
//! TCP tells by itself: segments that the peer acknowledged and that were never seen were lost in the mirror; what was missing
//! and came when it was sent again, before us; what came by and was sent again without an acknowledgement, behind us. The
//! mirror's share is counted of all that hosts say to one another, the others of those who send media.
//!
//! Source: facts (offline and switch), section 6; RFC 3550, 6.4 and A.3. Over several seconds, for both sides count at other
//! moments. Where nobody reports, loss is told only of a stream that loses while others prove that
//! the mirror shows everything. While the mirror drops nothing is said of any stream.

pub mod drops;
pub mod episode;
pub mod track;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;

use spanwatch_parsers::{ReceiverReport, Segments, Span, StreamActivity, StreamTransport, Time};

use super::directory::Number;
use super::refusals::Refusals;
use super::stream::StreamId;
use crate::clock::Dropped;
use crate::observation::{Cite, Observation};
use drops::Drops;
use episode::{Episode, Place};
use track::{Judged, Track, WINDOW, Where, is_drop};

/// What is lost of streams, and where; [`TRACKS_MAX`] of them, [`EPISODES_MAX`] episodes.
#[derive(Debug, Default)]
pub struct Losses {
    tracks: BTreeMap<Id, Box<Track>>,
    /// Streams by who sends them, by SSRC and by where to, the latest of each.
    by_ssrc: BTreeMap<(IpAddr, u32, IpAddr), StreamId>,
    /// Streams heard in this second.
    active: BTreeSet<Id>,
    /// Streams of which something was lost lately.
    suspects: BTreeSet<Id>,
    /// Packets seen and lost in each second of the last [`WINDOW`].
    totals: VecDeque<(Time, u64, u64)>,
    swept: Option<Time>,
    episodes: Vec<Episode>,
    /// When frames last did not reach us, as was counted.
    dropped: Option<(Time, Time)>,
    /// What was counted so, the earliest first.
    drops: Vec<Drops>,
    /// What was not kept.
    pub refused: Refusals,
}

/// What something may be lost of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Id {
    /// Media over UDP.
    Stream(StreamId),
    /// What one host sends another in TCP connections, as the mirror shows it.
    Carried(IpAddr, IpAddr),
    /// The same, as it arrives.
    SentAgain(IpAddr, IpAddr),
}

impl Id {
    /// Whether what is missing of it is counted among all that is missing: else it is there already.
    const fn is_of_all(self) -> bool {
        !matches!(self, Self::SentAgain(..))
    }
}

/// One that loses something, as of now.
type Suspect = (Id, Judged);

impl Losses {
    /// Takes one second of a stream.
    pub fn measured(
        &mut self,
        source: Option<Number>,
        source_ip: IpAddr,
        seen: &Observation,
        second: &StreamActivity,
    ) {
        // What TCP carries is sent again until it comes: it is measured by that.
        if second.transport == StreamTransport::Interleaved {
            if let Some(track) = self.tracks.get_mut(&Id::Carried(source_ip, second.destination)) {
                track.is_media = true;
            }
            return;
        }
        let id = Id::Stream(second.stream);
        if !self.has_room(id) {
            return;
        }
        let by_ssrc = &mut self.by_ssrc;
        let track = self.tracks.entry(id).or_insert_with(|| {
            by_ssrc.insert((source_ip, second.ssrc, second.destination), second.stream);
            Box::new(Track::of_stream(source, source_ip, seen, second))
        });
        track.source = source;
        track.take(second, seen.cite);
        self.active.insert(id);
    }

    /// Takes one second of what a host sent in a TCP connection; `is_camera` says whether all that it sends is media.
    pub fn carried(
        &mut self,
        source: Option<Number>,
        is_camera: bool,
        segments: Segments,
        seen: &Observation,
    ) {
        let (Some(from), Some(to)) = (seen.subject.ip, seen.peer.ip) else { return };
        let id = Id::Carried(from, to);
        if !self.has_room(id) {
            return;
        }
        let begun = || Box::new(Track::of_connections(source, (from, to), seen));
        let track = self.tracks.entry(id).or_insert_with(begun);
        track.source = source.or(track.source);
        track.carried(segments, (seen.at, seen.cite));
        let (is_media, first) = (track.is_media || is_camera, track.first);
        self.active.insert(id);
        let id = Id::SentAgain(from, to);
        let is_lost = is_media && (segments.late > 0 || segments.again > 0);
        let is_measured = self.tracks.contains_key(&id) || (is_lost && self.has_room(id));
        if !is_measured {
            return;
        }
        let begun = || Box::new(Track::of_connections(source, (from, to), seen));
        let track = self.tracks.entry(id).or_insert_with(begun);
        (track.first, track.source) = (first, source.or(track.source));
        track.sent_again(segments, (seen.at, seen.cite));
        self.active.insert(id);
    }

    fn has_room(&mut self, id: Id) -> bool {
        let has_room = self.tracks.len() < TRACKS_MAX || self.tracks.contains_key(&id);
        if !has_room {
            self.refused.count("streams measured for loss", TRACKS_MAX);
        }
        has_room
    }

    /// Takes what a receiver says of a stream.
    pub fn reported(&mut self, report: &ReceiverReport, seen: &Observation) {
        let (Some(source), Some(by)) = (seen.peer.ip, seen.subject.ip) else { return };
        let of_source = self.by_ssrc.range((source, report.ssrc, LOWEST)..);
        let of_source = of_source.take_while(|((ip, ssrc, _), _)| (*ip, *ssrc) == (source, report.ssrc));
        let to_him = of_source.into_iter().find(|((.., to), _)| *to == by || to.is_multicast());
        if let Some(id) = to_him.map(|(_, stream)| Id::Stream(*stream))
            && let Some(track) = self.tracks.get_mut(&id)
        {
            track.report(report, seen);
            self.active.insert(id);
        }
    }

    /// Says that all of the time before `tick` was seen; `switch_of` knows who hangs where.
    pub fn advance(&mut self, tick: Time, switch_of: impl Fn(Number) -> Option<String>) {
        let (mut packets, mut lost) = (0_u64, 0_u64);
        for id in std::mem::take(&mut self.active) {
            let Some(track) = self.tracks.get_mut(&id) else { continue };
            track.end(tick);
            let second = if id.is_of_all() { track.second(tick) } else { (0, 0) };
            (packets, lost) = (packets.saturating_add(second.0), lost.saturating_add(second.1));
            if track.is_suspect() {
                self.suspects.insert(id);
            }
        }
        self.totals.push_back((tick, packets, lost));
        while self.totals.front().is_some_and(|(at, ..)| tick - *at >= WINDOW) {
            self.totals.pop_front();
        }
        self.judge(tick, switch_of);
        self.episodes.iter_mut().for_each(|episode| episode.end(tick));
        self.sweep(tick);
    }

    /// Says that nobody watched between the two.
    pub fn unwatched(&mut self, from: Time, to: Time) {
        self.tracks.values_mut().for_each(|track| track.forget());
        self.suspects.clear();
        self.totals.clear();
        for episode in self.episodes.iter_mut().filter(|episode| episode.is_open()) {
            episode.quiet_from = episode.quiet_from + (to - from);
        }
    }

    /// Says that frames did not reach us, `cite` the next that did: what is missing then was lost by nobody else.
    pub fn dropped(&mut self, dropped: &Dropped, cite: Cite) {
        let has_room = self.drops.len() < DROPS_MAX;
        let last = self.drops.iter_mut().rev().find(|it| it.by == dropped.by);
        match last.filter(|it| it.goes_on(dropped.to)) {
            Some(drops) => drops.add(dropped, cite),
            None if has_room => self.drops.push(Drops::new(dropped, cite)),
            None => self.refused.count("times of counted drops", DROPS_MAX),
        }
        let (from, to) = (dropped.from, dropped.to);
        self.dropped = match self.dropped {
            Some((since, until)) if from - until <= BLURS => Some((since, until.max(to))),
            _ => Some((from, to)),
        };
        self.tracks.values_mut().for_each(|track| track.forget());
        self.suspects.clear();
        self.totals.clear();
    }

    /// Says that one device turned out to be another.
    pub fn renumber(&mut self, gone: Number, kept: Number) {
        let of_tracks = self.tracks.values_mut().map(|track| &mut track.source);
        let members = self.episodes.iter_mut().flat_map(|episode| episode.members.values_mut());
        for number in of_tracks.chain(members.map(|member| &mut member.number)) {
            if *number == Some(gone) {
                *number = Some(kept);
            }
        }
    }

    /// Episodes of one place that no wider one says anew.
    pub fn of(&self, place: Place) -> impl Iterator<Item = &Episode> {
        self.episodes.iter().filter(move |it| it.place == place && !it.is_superseded)
    }

    /// What did not reach us and was counted, the earliest first.
    pub fn counted_drops(&self) -> impl Iterator<Item = &Drops> {
        self.drops.iter()
    }

    /// Whether the mirror dropped packets at `at`, and not only few: what was not seen then may have been there.
    #[must_use]
    pub fn mirror_drops_at(&self, at: Time) -> bool {
        let by_us = self.dropped.is_some_and(|(since, until)| since - BLURS <= at && at <= until + BLURS);
        by_us
            || self
                .of(Place::Mirror)
                .filter(|it| !it.is_slight)
                .any(|it| it.since - BLURS <= at && it.ended.is_none_or(|ended| at <= ended + BLURS))
    }

    /// Episodes that `episode` says anew.
    pub fn superseded_by(&self, episode: &Episode) -> impl Iterator<Item = &Episode> {
        episode.supersedes.iter().filter_map(|index| self.episodes.get(*index))
    }

    fn judge(&mut self, tick: Time, switch_of: impl Fn(Number) -> Option<String>) {
        let mut judged: Vec<Suspect> = Vec::new();
        for id in std::mem::take(&mut self.suspects) {
            let Some(track) = self.tracks.get_mut(&id) else { continue };
            track.end(tick);
            if track.is_suspect() {
                judged.push((id, track.judge(tick)));
                self.suspects.insert(id);
            }
        }
        if judged.is_empty() {
            return;
        }
        self.in_mirror(tick, &judged);
        let is_blurred =
            self.episodes.iter().any(|it| it.place == Place::Mirror && it.is_open() && !it.is_slight);
        if !is_blurred {
            self.before(tick, &judged, switch_of);
            self.behind(tick, &judged);
        }
    }

    /// What receivers have and we do not.
    fn in_mirror(&mut self, tick: Time, judged: &[Suspect]) {
        let mut of_mirror: Vec<Suspect> =
            judged.iter().filter(|(_, judged)| judged.where_lost() == Where::Mirror).copied().collect();
        // Nobody misses enough by himself: what all miss together was dropped all the same. Where each frame is
        // copied at two places, few are missing at both.
        let is_slight = of_mirror.is_empty();
        if is_slight {
            of_mirror = self.received(judged);
        }
        let open = self.episodes.iter().position(|it| it.place == Place::Mirror && it.is_open());
        // Those who lose while all others do not have receivers that report nothing, whatever is lost; but nobody
        // acknowledges what he does not have.
        let is_proved = of_mirror.iter().any(|(_, it)| it.is_acknowledged);
        let is_doubtful = open.is_none() && !is_proved && self.are_others_sound(&of_mirror, judged);
        if of_mirror.is_empty() || is_doubtful {
            return;
        }
        let index = open.or_else(|| self.open(Place::Mirror, None, tick));
        if let Some(episode) = index.and_then(|index| self.episodes.get_mut(index)) {
            episode.is_slight = is_slight && (open.is_none() || episode.is_slight);
        }
        self.add(index, &of_mirror, tick);
    }

    /// All of whom something little is missing that was received, where it is enough together and of several.
    fn received(&self, judged: &[Suspect]) -> Vec<Suspect> {
        let all: Vec<Suspect> = judged.iter().filter(|(_, it)| it.is_received()).copied().collect();
        let (lost, seconds) = all
            .iter()
            .fold((0_u64, 0), |(lost, seconds), (_, it)| (lost.saturating_add(it.lost), seconds | it.lossy));
        let packets = self.totals.iter().fold(0_u64, |sum, (_, packets, _)| sum.saturating_add(*packets));
        if all.len() >= SEVERAL && is_drop(lost, seconds, packets) { all } else { Vec::new() }
    }

    /// What was lost before it came by us.
    fn before(&mut self, tick: Time, judged: &[Suspect], switch_of: impl Fn(Number) -> Option<String>) {
        let mut sources: BTreeMap<IpAddr, Vec<Suspect>> = BTreeMap::new();
        for (id, suspect) in judged {
            let Some(track) = self.tracks.get(id).filter(|track| track.source.is_some()) else { continue };
            let is_open = self.open_of(track.source_ip).is_some();
            let is_before = match suspect.where_lost() {
                Where::Before => true,
                Where::Unsaid => {
                    let is_old = track.losses().is_some_and(|[(first, _), _]| tick - first >= UNSAID_FOR);
                    is_open || (is_old && self.are_others_sound(&[(*id, *suspect)], judged))
                }
                Where::Nowhere => is_open && suspect.lost > 0,
                Where::Mirror | Where::Unclear => false,
            };
            if is_before {
                sources.entry(track.source_ip).or_default().push((*id, *suspect));
            }
        }
        self.join_paths(&mut sources, tick, &switch_of);
        while let Some(group) = self.group(&sources, &switch_of) {
            let index = self.open(Place::Path, group.first().copied(), tick);
            for source in &group {
                self.join(index, *source, &sources.remove(source).unwrap_or_default(), tick);
            }
            self.name_switch(index, &switch_of);
        }
        for (source, streams) in sources {
            let open = self.open_of(source);
            let index = open.or_else(|| self.open(Place::Device, Some(source), tick));
            self.add(index, &streams, tick);
        }
    }

    /// Takes those out that are part of a path that is known, or turn out to be.
    fn join_paths(
        &mut self,
        sources: &mut BTreeMap<IpAddr, Vec<Suspect>>,
        tick: Time,
        switch_of: &impl Fn(Number) -> Option<String>,
    ) {
        let mut on_paths: Vec<(usize, Losing)> = Vec::new();
        let mut others: Vec<Losing> = Vec::new();
        for (source, streams) in &*sources {
            let Some(losing) = self.losing(*source, streams, switch_of) else { continue };
            let open = self.open_of(*source);
            let path =
                open.filter(|index| self.episodes.get(*index).is_some_and(|it| it.place == Place::Path));
            match path {
                Some(path) => on_paths.push((path, losing)),
                None => others.push(losing),
            }
        }
        for other in others {
            // As three make a path, so do two of it and one more.
            let with = on_paths.iter().filter(|(_, member)| member.is_with(&other)).map(|(path, _)| *path);
            let joined =
                with.clone().find(|path| with.clone().filter(|it| it == path).count() + 1 >= PATH_MIN);
            if let Some(path) = joined {
                self.join(Some(path), other.source, &sources.remove(&other.source).unwrap_or_default(), tick);
                self.name_switch(Some(path), switch_of);
            }
        }
        for (path, member) in on_paths {
            self.add(Some(path), &sources.remove(&member.source).unwrap_or_default(), tick);
        }
    }

    /// Makes a sender part of a path, and what was said of it alone part of what is said of the path.
    fn join(&mut self, path: Option<usize>, source: IpAddr, streams: &[Suspect], tick: Time) {
        let single = self.open_of(source).filter(|single| Some(*single) != path);
        self.add(path, streams, tick);
        if let Some((single, path)) = single.zip(path) {
            self.supersede(single, path);
        }
    }

    fn name_switch(&mut self, path: Option<usize>, switch_of: &impl Fn(Number) -> Option<String>) {
        if let Some(path) = path.and_then(|path| self.episodes.get_mut(path)) {
            let mut switches = path.members.values().map(|it| it.number.and_then(switch_of));
            let first = switches.next().flatten();
            path.switch = first.filter(|first| switches.all(|other| other.as_ref() == Some(first)));
        }
    }

    /// Three and more that lose together.
    fn group(
        &self,
        sources: &BTreeMap<IpAddr, Vec<Suspect>>,
        switch_of: &impl Fn(Number) -> Option<String>,
    ) -> Option<Vec<IpAddr>> {
        if sources.len() < PATH_MIN {
            return None;
        }
        let losing: Vec<Losing> =
            sources.iter().filter_map(|(source, streams)| self.losing(*source, streams, switch_of)).collect();
        losing.iter().find_map(|seed| {
            let group: Vec<IpAddr> =
                losing.iter().filter(|other| seed.is_with(other)).map(|it| it.source).collect();
            (group.len() >= PATH_MIN).then_some(group)
        })
    }

    fn losing(
        &self,
        source: IpAddr,
        streams: &[Suspect],
        switch_of: &impl Fn(Number) -> Option<String>,
    ) -> Option<Losing> {
        let tracks = || streams.iter().filter_map(|(id, _)| self.tracks.get(id));
        let since = tracks().filter_map(|track| self.since(track)).min()?;
        let sound_from = tracks().map(|track| track.first).min()?;
        Some(Losing {
            source,
            seconds: streams.iter().fold(0, |seconds, (_, it)| seconds | it.lossy),
            since,
            has_begun: since - sound_from >= SOUND_BEFORE,
            switch: tracks().find_map(|track| track.source).and_then(switch_of),
        })
    }

    /// When a stream's loss began, or as was said of its sender.
    fn since(&self, track: &Track) -> Option<Time> {
        let said = || self.open_of(track.source_ip).and_then(|index| self.episodes.get(index));
        track.began_to_lose().or_else(|| said().map(|episode| episode.since))
    }

    /// What we saw and the receiver misses.
    fn behind(&mut self, tick: Time, judged: &[Suspect]) {
        let mut receivers: BTreeMap<IpAddr, Vec<Suspect>> = BTreeMap::new();
        for (id, suspect) in judged {
            let Some(track) = self.tracks.get(id) else { continue };
            let Some(by) = track.reporter() else { continue };
            let open = self.open_at(by).is_some();
            if suspect.is_behind() || (open && suspect.lost_behind() > 0) {
                receivers.entry(by).or_default().push((*id, *suspect));
            }
        }
        for (receiver, streams) in receivers {
            let open = self.open_at(receiver);
            let index = open.or_else(|| self.open(Place::Receiver, Some(receiver), tick));
            self.add(index, &streams, tick);
        }
    }

    /// Whether the streams of all other senders prove that the mirror shows everything: some of their packets would be
    /// missing too, if it did not.
    fn are_others_sound(&self, suspects: &[Suspect], judged: &[Suspect]) -> bool {
        let source = |id: &Id| self.tracks.get(id).map(|track| track.source_ip);
        let senders: BTreeSet<IpAddr> = suspects.iter().filter_map(|(id, _)| source(id)).collect();
        let of_them = judged
            .iter()
            .filter(|(id, _)| id.is_of_all() && source(id).is_some_and(|source| senders.contains(&source)));
        let (seen, missed) = of_them.fold((0_u64, 0_u64), |(seen, missed), (_, it)| {
            (seen.saturating_add(it.packets), missed.saturating_add(it.lost))
        });
        let (all_seen, all_missed) = self.totals.iter().fold((0_u64, 0_u64), |(seen, missed), (_, s, m)| {
            (seen.saturating_add(*s), missed.saturating_add(*m))
        });
        let (others, others_missed) = (all_seen.saturating_sub(seen), all_missed.saturating_sub(missed));
        let would_be = others.saturating_mul(missed) / seen.saturating_add(missed).max(1);
        would_be >= WOULD_BE_MIN && others_missed.saturating_mul(WOULD_BE_TIMES) <= would_be
    }

    /// The open episode before us that an address is part of.
    fn open_of(&self, source: IpAddr) -> Option<usize> {
        let is_of = |it: &Episode| {
            it.is_open()
                && matches!(it.place, Place::Device | Place::Path)
                && it.members.contains_key(&source)
        };
        self.episodes.iter().rposition(is_of)
    }

    /// The open episode behind us, towards a receiver.
    fn open_at(&self, receiver: IpAddr) -> Option<usize> {
        let is_at =
            |it: &Episode| it.is_open() && it.place == Place::Receiver && it.subject == Some(receiver);
        self.episodes.iter().rposition(is_at)
    }

    fn open(&mut self, place: Place, subject: Option<IpAddr>, tick: Time) -> Option<usize> {
        if self.episodes.len() >= EPISODES_MAX {
            self.refused.count("times of loss", EPISODES_MAX);
            return None;
        }
        self.episodes.push(Episode {
            place,
            subject,
            vlan: None,
            switch: None,
            since: tick,
            detected: tick,
            last: Time::MIN,
            quiet_from: tick,
            ended: None,
            members: BTreeMap::new(),
            others: (0, 0),
            is_slight: false,
            is_superseded: false,
            supersedes: Vec::new(),
        });
        self.episodes.len().checked_sub(1)
    }

    fn add(&mut self, index: Option<usize>, streams: &[Suspect], tick: Time) {
        let Some(episode) = index.and_then(|index| self.episodes.get_mut(index)) else { return };
        let is_new = episode.members.is_empty();
        let known: BTreeSet<IpAddr> = episode.members.keys().copied().collect();
        for (id, judged) in streams {
            if let Some(track) = self.tracks.get(id) {
                episode.vlan = episode.vlan.or(track.vlan);
                let judged = Some(judged).filter(|_| !known.contains(&track.source_ip));
                episode.add(track, judged, tick);
            }
        }
        if is_new {
            let sound = self
                .tracks
                .iter()
                .filter(|(id, track)| !self.suspects.contains(id) && tick - track.last < WINDOW);
            let packets = self.totals.iter().fold(0_u64, |sum, (_, packets, _)| sum.saturating_add(*packets));
            let own = streams.iter().fold(0_u64, |sum, (_, it)| sum.saturating_add(it.packets));
            episode.others = (sound.count(), packets.saturating_sub(own));
        }
    }

    fn supersede(&mut self, gone: usize, by: usize) {
        let Some(old) = self.episodes.get_mut(gone) else { return };
        old.is_superseded = true;
        let (since, members) = (old.since, old.members.clone());
        let Some(new) = self.episodes.get_mut(by) else { return };
        new.since = new.since.min(since);
        new.supersedes.push(gone);
        for (source, member) in members {
            // What was counted before stays counted.
            new.members.insert(source, member);
        }
    }

    /// Forgets streams that are no more.
    fn sweep(&mut self, tick: Time) {
        if self.swept.is_some_and(|swept| tick - swept < SWEEP) {
            return;
        }
        self.swept = Some(tick);
        self.tracks.retain(|_, track| tick - track.last < IDLE);
        let tracks = &self.tracks;
        self.by_ssrc.retain(|_, stream| tracks.contains_key(&Id::Stream(*stream)));
    }
}

/// A sender of whose streams something is lost before us.
#[derive(Debug)]
struct Losing {
    source: IpAddr,
    /// Bit n: something was lost in the second n before this.
    seconds: u64,
    since: Time,
    /// Whether nothing was lost before.
    has_begun: bool,
    switch: Option<String>,
}

impl Losing {
    /// Whether both lose on a way that they share: they lose in the same seconds, began in the same moment, or began
    /// near to one another behind one switch.
    fn is_with(&self, other: &Self) -> bool {
        let both = (self.seconds & other.seconds).count_ones();
        let any = (self.seconds | other.seconds).count_ones();
        let apart = Span((self.since - other.since).0.saturating_abs());
        let is_at_once = self.has_begun && other.has_begun && apart <= BEGUN_WITHIN;
        let is_behind_one = self.switch.is_some() && self.switch == other.switch && apart <= BEGUN_NEAR;
        self.source == other.source || is_at_once || is_behind_one || (both >= TOGETHER_S && both * 2 > any)
    }
}

/// Streams, and pairs of hosts with TCP between them, measured at once; a site of 50,000 devices that is switched on has
/// 19,000.
pub const TRACKS_MAX: usize = 32_768;
/// Episodes kept.
pub const EPISODES_MAX: usize = 1_024;
/// Times of counted drops kept.
const DROPS_MAX: usize = 256;
/// A stream that was not heard for so long is no more.
const IDLE: Span = Span::seconds(60);
const SWEEP: Span = Span::seconds(30);
/// So many conversations together show that the mirror drops.
const SEVERAL: usize = 2;
/// Without any report it must last so long.
const UNSAID_FOR: Span = Span::seconds(20);
/// So many packets of others would be missing …
const WOULD_BE_MIN: u64 = 5;
/// … of which no more are missing than one in so many.
const WOULD_BE_TIMES: u64 = 10;
/// A mirror that drops began to, and ceases to, about so long before the first and after the last that shows it.
const BLURS: Span = Span::seconds(5);
/// Devices that lose together (facts, section 6).
const PATH_MIN: usize = 3;
/// Seconds in which both lose, at least, and more than half of those in which one does (facts, section 6: Jaccard).
const TOGETHER_S: u32 = 5;
/// They began to lose within this time …
const BEGUN_WITHIN: Span = Span::seconds(5);
/// … or within this behind one switch …
const BEGUN_NEAR: Span = Span::seconds(30);
/// … after they had not for this time.
const SOUND_BEFORE: Span = Span::seconds(10);
const LOWEST: IpAddr = IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED);

#[cfg(test)]
mod tests;
