//! The mirror port: what becomes of the copies, as packets or as sights.

use std::io;

use crate::frame::Frame;
use crate::mirror::{self, Form, Order, Way};
use crate::random::Random;
use crate::sight::{Copied, Media, Says, Sight, What};
use crate::sums::{Frames, Key, Sums};

/// Takes what the mirror port sends.
pub trait Sink {
    /// One frame: its time, its bytes as captured, its length on the wire. Called in order of time.
    ///
    /// # Errors
    /// Where it cannot be taken.
    fn frame(&mut self, at: i64, bytes: &[u8], wire_length: u32) -> io::Result<()>;
}

/// Takes sights, in order of time.
pub trait Reader {
    /// One sight.
    fn sight(&mut self, sight: Sight);
}

/// Where copies go.
pub enum Out<'o> {
    /// To packets.
    Packets(&'o mut dyn Sink),
    /// To a reader of sights.
    Sights(&'o mut dyn Reader),
}

/// The mirror port.
pub struct Tap<'o> {
    /// Nothing is copied: the site is warming up, or the session is gone.
    pub is_mute: bool,
    /// Copies lost on the way to the mirror port, in a million.
    pub loss_ppm: u32,
    /// Each copy is handed on so many times more.
    pub extra_copies: u8,
    /// What the capturing machine's clock is off, in nanoseconds.
    pub clock_off: i64,
    /// The form of the copies.
    pub form: Form,
    /// By host: what the mirror showed of it.
    pub shown: Vec<Shown>,
    /// Frames of which a copy was handed on.
    pub copied: u64,
    /// Copies handed on as packets.
    pub written: u64,
    /// The times of the first and the last of them, by the capturing machine's clock.
    pub span: Option<(i64, i64)>,
    /// When the capture ends: what comes later is not handed on.
    pub until: i64,
    order: Order<Note>,
    out: Out<'o>,
    buffer: Vec<u8>,
    whole: Vec<u8>,
    /// Copies handed on, of whatever.
    handed: u64,
    sums: Sums,
    random: Random,
}

/// What became of a frame at the mirror.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Past {
    /// It did not come by a mirrored port.
    #[default]
    Apart,
    /// It came by, and no copy was handed on.
    Lost,
    /// A copy was handed on, at that time.
    Shown(i64),
}

impl Past {
    /// Whether a copy was handed on.
    #[must_use]
    pub const fn is_shown(self) -> bool {
        matches!(self, Self::Shown(_))
    }
}

/// What the mirror showed of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Shown {
    /// Frames it sent.
    pub frames: u64,
    /// The first.
    pub first: i64,
    /// The last.
    pub last: i64,
}

/// What the form of a copy needs to know: direction, VLAN, port.
type Note = (Way, u16, u16);

/// A frame past the mirror.
#[derive(Debug, Clone, Copy)]
pub struct Passing {
    /// Who sent it, by number.
    pub host: usize,
    /// When it was sent.
    pub at: i64,
    /// Its VLAN.
    pub vlan: u16,
}

impl<'o> Tap<'o> {
    /// A mirror port that works.
    #[must_use]
    pub fn new(out: Out<'o>, form: Form, hosts: usize, random: Random) -> Self {
        Self {
            is_mute: false,
            loss_ppm: 0,
            extra_copies: 0,
            clock_off: 0,
            form,
            shown: vec![Shown::default(); hosts],
            copied: 0,
            written: 0,
            span: None,
            until: i64::MAX,
            order: Order::default(),
            out,
            buffer: Vec::new(),
            whole: Vec::new(),
            handed: 0,
            sums: Sums::default(),
            random,
        }
    }

    /// Whether bytes are wanted, or only what they say.
    #[must_use]
    pub const fn wants_bytes(&self) -> bool {
        matches!(self.out, Out::Packets(_))
    }

    /// Hands on the copies of one frame.
    pub fn copy(
        &mut self,
        passing: Passing,
        copies: &[(i64, Way, u16)],
        frame: &Frame,
        says: &[Says],
    ) -> Past {
        self.copy_of_packet(passing, copies, frame, Some(says))
    }

    /// The same; `says` is `None` where the packet was shown before, on the other side of a router.
    pub fn copy_of_packet(
        &mut self,
        passing: Passing,
        copies: &[(i64, Way, u16)],
        frame: &Frame,
        says: Option<&[Says]>,
    ) -> Past {
        if copies.is_empty() {
            return Past::Apart;
        }
        if self.is_mute {
            return Past::Lost;
        }
        let mut past = Past::Lost;
        let mut is_written = false;
        let before = self.handed;
        for &(after, way, port) in copies {
            for extra in 0..=i64::from(self.extra_copies) {
                if self.is_lost() {
                    // A tunnel has numbered it all the same.
                    if self.form.tunnel.is_some() {
                        self.form.sequence = self.form.sequence.wrapping_add(1);
                    }
                    continue;
                }
                let at = passing.at + after + extra * COPY_DELAY;
                if at >= self.until {
                    continue;
                }
                self.handed += 1;
                if past == Past::Lost {
                    past = Past::Shown(at);
                    self.show(passing.host, Frames::one(at, frame.len()));
                    if let Some(says) = says.filter(|_| !self.wants_bytes()) {
                        let key = Key::of(frame, self.form.tags.innermost(way, passing.vlan));
                        for said in says {
                            let Key { from, to, protocol, vlan } = key;
                            let what = What::Said(said.clone());
                            self.sums.say(Sight { at, vlan, from, to, protocol, what });
                        }
                        self.sums.hear(&key, Frames { stamp: frame.stamp(), ..Frames::one(at, frame.len()) });
                    }
                }
                if self.wants_bytes() {
                    if !is_written {
                        self.whole.clear();
                        frame.write(&mut self.whole);
                        is_written = true;
                    }
                    self.order.push(at, &self.whole, (way, passing.vlan, port));
                }
            }
        }
        if let Past::Shown(at) = past
            && !frame.destination.is_group()
        {
            self.copied((at, 1), self.handed - before, frame.is_bare());
        }
        past
    }

    /// Tells that so many frames, the last at `at`, were copied so many times each; `are_alike` says that a host might
    /// have sent them twice itself.
    pub(crate) fn copied(&mut self, (at, frames): (i64, u64), times: u64, are_alike: bool) {
        if times > 1 && !self.wants_bytes() {
            let again = frames * (times - 1);
            let alike = if are_alike { again } else { 0 };
            self.sums.copied(at, Copied { again, alike, most: times as u32 - 1 });
        }
    }

    /// How many copies were handed on so far.
    #[must_use]
    pub const fn handed(&self) -> u64 {
        self.handed
    }

    /// Tells that a frame first shown at `at` came again.
    pub fn came_again(&mut self, at: i64, frame: &Frame, vlan: u16, again: Says) {
        if !self.wants_bytes() {
            let Key { from, to, protocol, vlan } =
                Key::of(frame, self.form.tags.innermost(Way::Ingress, vlan));
            self.sums.say(Sight { at, vlan, from, to, protocol, what: What::Said(again) });
        }
    }

    fn is_lost(&mut self) -> bool {
        self.loss_ppm > 0 && self.random.chance(self.loss_ppm)
    }

    /// Counts copies of frames that a host sent.
    pub(crate) fn show(&mut self, host: usize, frames: Frames) {
        let shown = &mut self.shown[host];
        if shown.frames == 0 {
            shown.first = frames.first;
        }
        shown.frames += frames.packets;
        shown.last = shown.last.max(frames.last);
        self.copied += frames.packets;
    }

    /// What becomes of a frame of media that is not made; it is counted as if it were, but not told.
    pub fn counts(&mut self, passing: Passing, copies: &[(i64, Way, u16)]) -> Past {
        if copies.is_empty() {
            return Past::Apart;
        }
        if self.is_mute {
            return Past::Lost;
        }
        let mut past = Past::Lost;
        let mut times = 0;
        for (after, ..) in copies {
            for extra in 0..=i64::from(self.extra_copies) {
                let at = passing.at + after + extra * COPY_DELAY;
                if !self.is_lost() && at < self.until {
                    times += 1;
                    if past == Past::Lost {
                        past = Past::Shown(at);
                    }
                }
            }
        }
        if let Past::Shown(at) = past {
            self.show(passing.host, Frames::one(at, 0));
            self.copied((at, 1), times, false);
        }
        past
    }

    /// Counts and tells frames that are not made.
    pub fn hear(&mut self, host: usize, key: &Key, frames: Frames) {
        self.show(host, frames);
        self.sums.hear(key, frames);
    }

    /// Tells frames that were counted before.
    pub fn tell(&mut self, key: &Key, frames: Frames) {
        self.sums.hear(key, frames);
    }

    /// Takes one second of a stream.
    pub fn media(&mut self, key: &Key, media: Media) {
        self.sums.media(key, media);
    }

    /// When the second ends that is being summed up.
    #[must_use]
    pub const fn second_ends(&self) -> i64 {
        self.sums.until
    }

    /// Begins the first second.
    pub const fn begin(&mut self, until: i64) {
        self.sums.until = until;
    }

    /// Hands on all that was copied before `before`; the next time is at `next`.
    ///
    /// # Errors
    /// Where the sink cannot take it.
    pub fn release(&mut self, before: i64, next: i64) -> io::Result<()> {
        let clock_off = self.clock_off;
        match &mut self.out {
            Out::Packets(sink) => {
                let mut failed = None;
                let (form, buffer) = (&mut self.form, &mut self.buffer);
                let (written, span) = (&mut self.written, &mut self.span);
                self.order.release(before, |at, frame, (way, vlan, port)| {
                    if failed.is_none() {
                        let at = at + clock_off;
                        buffer.clear();
                        // Tunnels number what they carry, so that the form is given in the order of time.
                        let wire_length = form.write(&mirror::Copy { at, way, vlan, port, frame }, buffer);
                        failed = sink.frame(at, buffer, wire_length).err();
                        *written += 1;
                        *span = Some(span.map_or((at, at), |(first, _)| (first, at)));
                    }
                });
                failed.map_or(Ok(()), Err)
            }
            Out::Sights(reader) => {
                self.sums.release(before, next, |sight| reader.sight(sight.delayed(clock_off)));
                Ok(())
            }
        }
    }
}

/// How long after a frame its second copy comes.
const COPY_DELAY: i64 = 4_000;
