//! Evidence: the frames behind each finding, taken out of the ring into a file of their own that stays.
//!
//! ```text
//! ring, the minutes concerned ──► a Carver for each finding, in one pass ──┐
//! evidence/ID.pcapng, as it was ───────────────────────────────────────────┴─► .ID.new ──rename──► evidence/ID.pcapng
//! ```
//!
//! What was frozen stays when a finding is frozen again; so what is around its end is there beside what is around its beginning.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use spanwatch_capture::{FRAME_MAX, PcapngWriter, WrittenFile, WrittenFrame};
use spanwatch_engine::carve::{AROUND, Addresses, Carver, Frame};
use spanwatch_engine::mask::Masked;
use spanwatch_engine::peel::Peeler;
use spanwatch_engine::report::{Finding, time};
use spanwatch_parsers::{LinkType, Time};

use super::Limits;
use super::ring::{Segment, said};

/// A finding whose frames are to be frozen.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) finding: Finding,
    pub(super) addresses: Addresses,
}

/// A frame of a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frozen {
    /// What its input is called.
    pub input: String,
    /// Its number there, from 1.
    pub frame: u64,
    /// Its link type.
    pub link: LinkType,
    /// Its time stamp.
    pub at: Time,
    /// Bytes it had on the wire.
    pub wire_length: u32,
    /// What is kept of it, masked.
    pub bytes: Vec<u8>,
    /// Which finding, which evidence, what was overwritten.
    pub comment: String,
    /// What was overwritten.
    pub masked: Masked,
}

/// Freezes.
#[derive(Debug)]
pub(super) struct Freezer {
    dir: PathBuf,
    limits: Limits,
    /// By order of the reader's inputs.
    names: Vec<String>,
    /// What is there, by id: bytes, and in which order it came.
    files: BTreeMap<String, (u64, u64)>,
    turn: u64,
    /// Findings whose frames had to make room for others'.
    pub(super) let_go: u64,
    /// Frames that were one too many for their finding.
    pub(super) left_out: u64,
}

impl Freezer {
    /// Of a store's folder.
    pub(super) fn new(dir: &Path, limits: Limits, names: Vec<String>) -> Self {
        let dir = dir.join(EVIDENCE);
        let mut found: Vec<_> = fs::read_dir(&dir).into_iter().flatten().flatten().collect();
        found.sort_by_key(|entry| (entry.metadata().and_then(|it| it.modified()).ok(), entry.file_name()));
        let mut files = BTreeMap::new();
        for (turn, entry) in (0..).zip(found) {
            let name = entry.file_name().to_string_lossy().into_owned();
            match name.strip_suffix(".pcapng") {
                Some(id) if is_id(id) => {
                    files.insert(id.to_owned(), (entry.metadata().map_or(0, |it| it.len()), turn));
                }
                // One that was on its way when its writer died.
                _ if name.starts_with('.') => drop(fs::remove_file(entry.path())),
                _ => {}
            }
        }
        let turn = files.len() as u64;
        Self { dir, limits, names, files, turn, let_go: 0, left_out: 0 }
    }

    /// How many findings have frames, and how many bytes these are.
    pub(super) fn held(&self) -> (u64, u64) {
        (self.files.len() as u64, self.files.values().map(|(bytes, _)| bytes).sum())
    }

    /// Freezes what is behind findings, out of these segments; `until` is how far time went. `open` are findings that go on.
    ///
    /// # Errors
    /// What the disk says: what was frozen before is as it was.
    pub(super) fn freeze(
        &mut self,
        wanted: &[Wanted],
        segments: &[Segment],
        until: Time,
        open: &BTreeSet<String>,
    ) -> io::Result<()> {
        for (wanted, found) in wanted.iter().zip(self.carved(wanted, segments, until)) {
            let id = &wanted.finding.id;
            if !found.is_empty() && is_id(id) {
                self.write(id, found)?;
                self.keep(id, open);
            }
        }
        Ok(())
    }

    /// The frames of each finding, in one pass.
    fn carved(&mut self, wanted: &[Wanted], segments: &[Segment], until: Time) -> Vec<Vec<Frozen>> {
        let mut picks: Vec<Pick> = wanted.iter().map(Pick::new).collect();
        let left_out = picked(&mut picks, segments.iter().filter(|it| it.is_ours), (&self.names, until));
        self.left_out = self.left_out.saturating_add(left_out);
        picks.into_iter().map(|pick| pick.found).collect()
    }

    /// Writes a finding's file anew, with what is in it.
    fn write(&mut self, id: &str, found: Vec<Frozen>) -> io::Result<()> {
        let path = self.dir.join(format!("{id}.pcapng"));
        let before = File::open(&path).and_then(|it| frames(BufReader::new(it))).unwrap_or_default();
        let all = joined(before.into_iter().chain(found));
        fs::DirBuilder::new().recursive(true).mode(0o750).create(&self.dir)?;
        let new = self.dir.join(format!(".{id}.new"));
        let written = filed(&new, &all).and_then(|bytes| {
            fs::rename(&new, &path)?;
            Ok(bytes)
        });
        match written {
            Ok(bytes) => {
                self.turn = self.turn.saturating_add(1);
                self.files.insert(id.to_owned(), (bytes, self.turn));
                Ok(())
            }
            Err(error) => {
                let _ = fs::remove_file(&new);
                Err(error)
            }
        }
    }

    /// Lets go of what is too much, of the oldest that is over first; `latest` stays.
    fn keep(&mut self, latest: &str, open: &BTreeSet<String>) {
        loop {
            let (count, bytes) = self.held();
            if count <= self.limits.findings_max && bytes <= self.limits.evidence_bytes_max {
                return;
            }
            let others = self.files.iter().filter(|(id, _)| *id != latest);
            let Some((_, _, id)) = others.map(|(id, (_, turn))| (open.contains(id), *turn, id.clone())).min()
            else {
                return;
            };
            self.drop(&id);
        }
    }

    /// Lets go of the oldest that is over, to make room on the disk; whether there was one.
    pub(super) fn let_go(&mut self, open: &BTreeSet<String>) -> bool {
        let over = self.files.iter().filter(|(id, _)| !open.contains(*id));
        let oldest = over.min_by_key(|(_, (_, turn))| *turn).map(|(id, _)| id.clone());
        oldest.is_some_and(|id| {
            self.drop(&id);
            true
        })
    }

    fn drop(&mut self, id: &str) {
        let _ = fs::remove_file(self.dir.join(format!("{id}.pcapng")));
        self.files.remove(id);
        self.let_go = self.let_go.saturating_add(1);
    }
}

/// What is picked for one finding.
pub(super) struct Pick {
    carver: Carver,
    /// When something of it may be met.
    times: Vec<Time>,
    pub(super) found: Vec<Frozen>,
    bytes: usize,
}

/// Picks frames out of segments, in one pass, of inputs that are called so; `until` is how far time went. How many frames there
/// was no room for.
pub(super) fn picked<'a>(
    picks: &mut [Pick],
    segments: impl Iterator<Item = &'a Segment>,
    (names, until): (&[String], Time),
) -> u64 {
    let mut left_out = 0_u64;
    let mut out = Vec::new();
    let mut peeler = Peeler::new();
    for segment in segments {
        let is_concerned = |pick: &&mut Pick| pick.concerns(segment);
        let mut concerned: Vec<&mut Pick> = picks.iter_mut().filter(is_concerned).collect();
        if concerned.is_empty() {
            continue;
        }
        // One that was let go of meanwhile has nothing to give.
        let Ok(Ok(mut file)) = File::open(&segment.path).map(|it| WrittenFile::open(BufReader::new(it)))
        else {
            continue;
        };
        while let Ok(Some(read)) = file.next_frame() {
            let (number, masked) = said(read.comment);
            let Some(input) = names.iter().position(|it| it == read.interface) else { continue };
            let input = u32::try_from(input).unwrap_or(u32::MAX);
            let peeled = peeler.peel(read.link, read.at, read.bytes, read.wire_length);
            for pick in &mut concerned {
                pick.carver.advance(read.at, &mut out);
                if pick.carver.wants((input, number), &peeled, read.bytes) {
                    let frame = Frame {
                        at: read.at,
                        input,
                        frame: number,
                        interface: read.link.0,
                        wire_length: read.wire_length,
                        bytes: read.bytes.to_vec(),
                        masked,
                    };
                    pick.carver.take(frame, &mut out);
                }
                left_out = left_out.saturating_add(pick.keep(&mut out, names));
            }
        }
    }
    for pick in picks {
        pick.carver.advance(until, &mut out);
        left_out = left_out.saturating_add(pick.keep(&mut out, names));
    }
    left_out
}

/// Frames in their order, each once: of one that is there several times the last comment counts, for it may have become evidence.
pub(super) fn joined(frames: impl Iterator<Item = Frozen>) -> Vec<Frozen> {
    let mut all: BTreeMap<(Time, String, u64), Frozen> = BTreeMap::new();
    for frozen in frames {
        let key = (frozen.at, frozen.input.clone(), frozen.frame);
        if all.get(&key).is_none_or(|known| frozen.is_evidence() || !known.is_evidence()) {
            all.insert(key, frozen);
        }
    }
    all.into_values().collect()
}

impl Frozen {
    /// Whether the finding cites it.
    pub(super) fn is_evidence(&self) -> bool {
        self.comment.contains(", evidence ")
    }
}

impl Pick {
    pub(super) fn new(wanted: &Wanted) -> Self {
        let Finding { first_seen, detected, ended, evidence, .. } = &wanted.finding;
        let moments = [Some(first_seen), Some(detected), ended.as_ref()].into_iter().flatten();
        let times = moments.chain(evidence.iter().map(|it| &it.time)).filter_map(|it| time::parse(it));
        let carver = Carver::of(&wanted.finding, wanted.addresses.clone());
        Self { carver, times: times.collect(), found: Vec::new(), bytes: 0 }
    }

    fn concerns(&self, segment: &Segment) -> bool {
        let is_around = |at: &Time| *at + AROUND >= segment.first && *at - AROUND <= segment.last;
        self.times.iter().any(is_around)
    }

    /// Keeps what the carver gave, as far as there is room; says how many frames there was none for.
    fn keep(&mut self, out: &mut Vec<(Frame, String)>, names: &[String]) -> u64 {
        let mut left_out = 0_u64;
        for (frame, comment) in out.drain(..) {
            // What is cited goes before what is around it.
            let room =
                if comment.contains(", evidence ") { FINDING_BYTES_MAX * 2 } else { FINDING_BYTES_MAX };
            let bytes = self.bytes.saturating_add(frame.bytes.len());
            if bytes > room {
                left_out = left_out.saturating_add(1);
                continue;
            }
            self.bytes = bytes;
            let name = usize::try_from(frame.input).ok().and_then(|it| names.get(it));
            let input = name.cloned().unwrap_or_default();
            self.found.push(Frozen {
                comment: format!("{comment}; frame {} of {input}", frame.frame),
                input,
                frame: frame.frame,
                link: LinkType(frame.interface),
                at: frame.at,
                wire_length: frame.wire_length,
                bytes: frame.bytes,
                masked: frame.masked,
            });
        }
        left_out
    }
}

fn filed(path: &Path, frames: &[Frozen]) -> io::Result<u64> {
    let file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o640).open(path)?;
    let pcapng = written(BufWriter::new(file), frames)?;
    let bytes = pcapng.written();
    pcapng.finish()?.get_ref().sync_data()?;
    Ok(bytes)
}

/// Writes frames as pcapng, a comment on each.
///
/// # Errors
/// What `out` says.
pub fn write(out: impl Write, frames: &[Frozen]) -> io::Result<()> {
    written(out, frames)?.finish().map(drop)
}

fn written<W: Write>(out: W, frames: &[Frozen]) -> io::Result<PcapngWriter<W>> {
    let mut pcapng = PcapngWriter::new(out, super::APPLICATION)?;
    let mut interfaces = BTreeMap::new();
    for it in frames {
        let key = (it.input.as_str(), it.link);
        let interface = match interfaces.get(&key) {
            Some(number) => *number,
            None => {
                let number = pcapng.interface(it.link, FRAME_MAX, &it.input)?;
                interfaces.insert(key, number);
                number
            }
        };
        let Frozen { at, wire_length, bytes, comment, .. } = it;
        pcapng.frame(WrittenFrame {
            interface,
            at: *at,
            wire_length: *wire_length,
            bytes,
            comment: Some(comment),
        })?;
    }
    Ok(pcapng)
}

/// The frames of a file of evidence.
///
/// # Errors
/// Where it cannot be read, or is none.
pub fn frames(file: impl Read) -> io::Result<Vec<Frozen>> {
    let mut file = WrittenFile::open(file)?;
    let mut all = Vec::new();
    while let Some(it) = file.next_frame()? {
        let (frame, masked) = said(it.comment);
        all.push(Frozen {
            input: it.interface.to_owned(),
            frame,
            link: it.link,
            at: it.at,
            wire_length: it.wire_length,
            bytes: it.bytes.to_vec(),
            comment: it.comment.to_owned(),
            masked,
        });
    }
    Ok(all)
}

/// Where the frames behind a finding are in the store of a folder, which may be written at the time: the file, for the id or
/// its beginning. `None` where there is none, or several.
///
/// # Errors
/// Where the folder cannot be read.
pub fn evidence(dir: &Path, id: &str) -> io::Result<Option<PathBuf>> {
    let dir = dir.join(EVIDENCE);
    let whole = dir.join(format!("{id}.pcapng"));
    if is_id(id) && whole.is_file() {
        return Ok(Some(whole));
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(&dir)? {
        let name = entry?.file_name();
        let begins = name.to_str().is_some_and(|it| it.starts_with(id) && it.ends_with(".pcapng"));
        if begins && is_id(id) {
            found.push(name);
        }
    }
    let one = if found.len() == 1 { found.pop() } else { None };
    Ok(one.map(|name| dir.join(name)))
}

/// Whether a text is the id of a finding: nothing else becomes a file's name.
fn is_id(id: &str) -> bool {
    !id.is_empty() && id.len() <= 64 && id.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// The folder of evidence in that of the store.
const EVIDENCE: &str = "evidence";
/// Of one finding's context; of what it cites twice as much.
const FINDING_BYTES_MAX: usize = 8 << 20;
