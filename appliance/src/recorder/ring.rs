//! The ring: recent frames on disk, masked, in segments of which the oldest goes first.
//!
//! ```text
//! frames/RUN-000001.pcapng  RUN-000002.pcapng  …  RUN-000009.pcapng ◄── frame, masked, cut behind what can be read
//! gone first                                                    each opens in Wireshark by itself
//! ```
//!
//! A segment names all inputs of its run first, in their order, so that who finds it knows which is which. It is closed when it is full or a minute old. One whose writer died is cut behind its last whole frame when the
//! ring is next opened.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use spanwatch_capture::{FRAME_MAX, FrameHead, PcapngWriter, WrittenFile, WrittenFrame};
use spanwatch_engine::mask::{Masked, Masker};
use spanwatch_engine::peel::Peeled;
use spanwatch_parsers::{LinkType, Span, Time};

use super::Limits;

/// One file of the ring.
#[derive(Debug, Clone)]
pub(super) struct Segment {
    pub(super) path: PathBuf,
    /// The times of its first and its last frame, as far as is known.
    pub(super) first: Time,
    pub(super) last: Time,
    bytes: u64,
    /// Whether this run wrote it: what others counted by its inputs and numbers is another's.
    pub(super) is_ours: bool,
}

/// The segment that is written.
#[derive(Debug)]
struct Open {
    pcapng: PcapngWriter<BufWriter<File>>,
    /// By input, number there and link type.
    interfaces: BTreeMap<(u32, u32, LinkType), u32>,
}

/// Writes it.
#[derive(Debug)]
pub(super) struct Ring {
    dir: PathBuf,
    run: String,
    number: u32,
    limits: Limits,
    names: Vec<String>,
    masker: Masker,
    seed: u64,
    segments: VecDeque<Segment>,
    open: Option<Open>,
    bytes: Vec<u8>,
    comment: String,
    /// Frames in it that this run wrote.
    pub(super) written: u64,
}

impl Ring {
    /// The ring of a folder, which is made with the first frame. `began` is the run's name; `names` are its inputs'.
    pub(super) fn new(dir: &Path, limits: Limits, names: Vec<String>, began: Time, seed: u64) -> Self {
        let dir = dir.join(FRAMES);
        let segments = earlier(&dir);
        Self {
            dir,
            run: format!("{:013}", began.0.div_euclid(1_000_000).max(0)),
            number: 0,
            limits,
            names,
            masker: Masker::new(seed),
            seed,
            segments,
            open: None,
            bytes: Vec::new(),
            comment: String::new(),
            written: 0,
        }
    }

    /// Bytes of all segments.
    pub(super) fn held(&self) -> u64 {
        self.segments.iter().map(|it| it.bytes).sum()
    }

    /// The segments as they are, all of which can be read.
    pub(super) fn segments(&mut self) -> io::Result<Vec<Segment>> {
        self.flush()?;
        Ok(self.segments.iter().cloned().collect())
    }

    /// Masks the next frame and writes it; where it is not to be written it is heeded all the same, for those to come.
    ///
    /// # Errors
    /// What the disk says: the segment is closed then.
    pub(super) fn take(
        &mut self,
        head: &FrameHead,
        peeled: &Peeled,
        captured: &[u8],
        is_written: bool,
    ) -> io::Result<()> {
        self.bytes.clear();
        self.bytes.extend_from_slice(captured);
        let masked = self.masker.mask(head.link, head.at, peeled, &mut self.bytes);
        if !is_written {
            return Ok(());
        }
        let kept = kept(&self.bytes, self.limits.media_bytes);
        self.bytes.truncate(kept);
        let written = self.write(head, masked);
        if written.is_err() {
            self.broken();
        }
        written
    }

    fn write(&mut self, head: &FrameHead, masked: Masked) -> io::Result<()> {
        self.turn(head.at)?;
        let name = usize::try_from(head.input).ok().and_then(|it| self.names.get(it));
        let name = name.map_or("", String::as_str);
        self.comment.clear();
        if masked.bytes > 0 {
            let _ = write!(self.comment, "{MASKED}{} bytes overwritten, {}; ", masked.bytes, sums(masked));
        }
        let _ = write!(self.comment, "{FRAME}{} of {name}", head.frame);
        let Some(open) = &mut self.open else { return Ok(()) };
        let key = (head.input, head.interface, head.link);
        let interface = match open.interfaces.get(&key) {
            Some(number) => *number,
            None => {
                let number = open.pcapng.interface(head.link, FRAME_MAX, name)?;
                open.interfaces.insert(key, number);
                number
            }
        };
        open.pcapng.frame(WrittenFrame {
            interface,
            at: head.at,
            wire_length: head.wire_length,
            bytes: &self.bytes,
            comment: Some(&self.comment),
        })?;
        self.written = self.written.saturating_add(1);
        if let Some(segment) = self.segments.back_mut() {
            segment.bytes = open.pcapng.written();
            segment.last = segment.last.max(head.at);
        }
        Ok(())
    }

    /// Sees to it that a segment is open that has room for a frame at `now`, and lets go of the oldest.
    fn turn(&mut self, now: Time) -> io::Result<()> {
        let full = self.limits.frames_bytes_max / SEGMENTS;
        let is_due = self.segments.back().is_none_or(|it| {
            it.bytes >= full || now - it.first > SEGMENT_AGE || now < it.first - SEGMENT_AGE
        });
        if self.open.is_some() && !is_due {
            return Ok(());
        }
        self.close()?;
        self.keep(now);
        fs::DirBuilder::new().recursive(true).mode(0o750).create(&self.dir)?;
        self.number = self.number.saturating_add(1);
        let path = self.dir.join(format!("{}-{:06}.pcapng", self.run, self.number));
        let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o640).open(&path)?;
        self.segments.push_back(Segment { path, first: now, last: now, bytes: 0, is_ours: true });
        let out = BufWriter::with_capacity(BUFFER, file);
        let mut pcapng = PcapngWriter::new(out, super::APPLICATION)?;
        let mut interfaces = BTreeMap::new();
        for (input, name) in (0..).zip(&self.names) {
            let number = pcapng.interface(LinkType::ETHERNET, FRAME_MAX, name)?;
            interfaces.insert((input, 0, LinkType::ETHERNET), number);
        }
        self.open = Some(Open { pcapng, interfaces });
        Ok(())
    }

    /// Lets go of what is too old, and of the oldest where there is too much: room is made for a segment.
    fn keep(&mut self, now: Time) {
        let room = self.limits.frames_bytes_max / SEGMENTS * (SEGMENTS - 2);
        while let Some(oldest) = self.segments.front() {
            let is_old = now - oldest.last > self.limits.frames_age;
            if !is_old && self.held() <= room && self.segments.len() < FILES_MAX {
                break;
            }
            self.let_go();
        }
    }

    /// Lets go of the oldest segment; whether there was one.
    pub(super) fn let_go(&mut self) -> bool {
        if self.segments.len() == 1 {
            self.open = None;
        }
        self.segments.pop_front().is_some_and(|gone| {
            // One that somebody else removed is gone as well.
            let _ = fs::remove_file(&gone.path);
            true
        })
    }

    /// Begins to follow connections anew: less is shown of them than before, never more.
    pub(super) fn forget_connections(&mut self) {
        self.masker = Masker::new(self.seed);
    }

    /// Lets others see what was written.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        let flushed = self.open.as_mut().map_or(Ok(()), |open| open.pcapng.flush());
        if flushed.is_err() {
            self.broken();
        }
        flushed
    }

    fn close(&mut self) -> io::Result<()> {
        self.flush()?;
        self.open = None;
        Ok(())
    }

    /// Ends a segment that the disk did not take whole.
    fn broken(&mut self) {
        if let Some(open) = self.open.take() {
            // What is still in its buffer would come behind a part of itself.
            let _ = open.pcapng.into_out().into_parts();
        }
        if let Some(segment) = self.segments.back_mut().filter(|it| it.is_ours)
            && let Ok(whole) = mended(&segment.path)
        {
            segment.bytes = whole;
        }
    }
}

/// Of a masked frame so many bytes as are kept: what is overwritten to its end is not, where that is more than a little.
fn kept(bytes: &[u8], media_bytes: usize) -> usize {
    let shown = bytes.iter().rposition(|byte| *byte != b'*').map_or(0, |last| last.saturating_add(1));
    let covered = bytes.len().saturating_sub(shown);
    if covered > media_bytes.max(COVERED_KEPT) { shown.saturating_add(media_bytes) } else { bytes.len() }
}

/// How the checksums of a masked frame are.
fn sums(masked: Masked) -> &'static str {
    if masked.is_sum_cleared { "the checksum is zero, for bytes are missing" } else { "checksums recomputed" }
}

/// What a comment says of its frame: its number in its input, and what was overwritten.
pub(super) fn said(comment: &str) -> (u64, Masked) {
    let number = comment.rsplit_once(FRAME).and_then(|(_, rest)| rest.split(' ').next()?.parse().ok());
    // Before it stands what was overwritten; what else stands there may come from the wire.
    let masked = comment.rsplit_once(MASKED).map(|(_, rest)| rest);
    let bytes = masked.and_then(|rest| rest.split(' ').next()?.parse().ok());
    let is_sum_cleared = masked.is_some_and(|rest| rest.contains("the checksum is zero"));
    (number.unwrap_or(0), Masked { bytes: bytes.unwrap_or(0), is_sum_cleared })
}

/// The segments of earlier runs; the last of each is cut behind its last whole frame.
fn earlier(dir: &Path) -> VecDeque<Segment> {
    let listed = fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut paths: Vec<PathBuf> =
        listed.filter(|it| it.extension().is_some_and(|it| it == "pcapng")).collect();
    paths.sort();
    let run = |path: &Path| path.file_name()?.to_str()?.split_once('-').map(|(run, _)| run.to_owned());
    let mut segments = VecDeque::new();
    for (index, path) in paths.iter().enumerate() {
        let is_last = paths.get(index.saturating_add(1)).is_none_or(|next| run(next) != run(path));
        if is_last {
            let _ = mended(path);
        }
        let Ok(about) = fs::metadata(path) else { continue };
        let changed = about.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        let last = Time(changed.and_then(|at| i64::try_from(at.as_nanos()).ok()).unwrap_or(0));
        let (path, first, bytes) = (path.clone(), last, about.len());
        segments.push_back(Segment { path, first, last, bytes, is_ours: false });
    }
    segments
}

/// What a run left in the ring, for who only reads it.
#[derive(Debug)]
pub(super) struct Run {
    /// When it began.
    pub(super) began: Time,
    /// What its inputs are called, in their order.
    pub(super) names: Vec<String>,
    /// Its segments that hold a frame, the oldest first.
    pub(super) segments: Vec<Segment>,
}

/// The runs of a folder's ring, which somebody may be writing.
///
/// # Errors
/// Where it cannot be read; a ring that is not there has no runs.
pub(super) fn runs(dir: &Path) -> io::Result<Vec<Run>> {
    let listed = match fs::read_dir(dir.join(FRAMES)) {
        Ok(listed) => listed,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut paths: Vec<PathBuf> = listed.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    let mut runs: Vec<Run> = Vec::new();
    for path in paths {
        let name = path.file_name().and_then(|it| it.to_str()).and_then(|it| it.strip_suffix(".pcapng"));
        let Some(began) = name.and_then(|it| it.split_once('-')?.0.parse::<i64>().ok()) else { continue };
        let began = Time(began.saturating_mul(1_000_000));
        // One that was let go of meanwhile has nothing to give.
        let Ok(file) = File::open(&path) else { continue };
        let mut file = WrittenFile::open(BufReader::new(file))?;
        let Some(first) = file.next_frame()?.map(|it| it.at) else { continue };
        if runs.last().is_none_or(|run| run.began != began) {
            let mut names: Vec<String> = Vec::new();
            for name in file.interfaces() {
                if !names.iter().any(|it| it == name) {
                    names.push(name.to_owned());
                }
            }
            runs.push(Run { began, names, segments: Vec::new() });
        }
        let Some(run) = runs.last_mut() else { continue };
        if let Some(before) = run.segments.last_mut() {
            before.last = first.max(before.first);
        }
        // Nobody knows yet when the last of them ends.
        run.segments.push(Segment { path, first, last: Time(i64::MAX / 2), bytes: 0, is_ours: false });
    }
    Ok(runs)
}

/// Cuts a file behind its last whole frame, and gives its length.
fn mended(path: &Path) -> io::Result<u64> {
    let mut file = WrittenFile::open(BufReader::new(File::open(path)?))?;
    while file.next_frame()?.is_some() {}
    let whole = file.whole();
    if fs::metadata(path)?.len() > whole {
        fs::OpenOptions::new().write(true).open(path)?.set_len(whole)?;
    }
    Ok(whole)
}

/// The folder of the ring in that of the store.
const FRAMES: &str = "frames";
const FRAME: &str = "frame ";
const MASKED: &str = "masked: ";
/// Of its budget a segment has one in so many: so much is let go of at a time, and the one that is written may be a frame longer.
const SEGMENTS: u64 = 64;
/// Files at most, however small.
const FILES_MAX: usize = 4_096;
const SEGMENT_AGE: Span = Span::seconds(60);
const BUFFER: usize = 64 << 10;
/// So much that is overwritten at a frame's end stays: signalling is whole.
const COVERED_KEPT: usize = 64;
