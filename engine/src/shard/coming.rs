//! Frames that are soon to come: where each will be looked for is fetched before the first is taken ([`crate::ahead`]).
//!
//! ```text
//! coming   all            its identity and its flow's key; a copy, or one of a flow just before it, seeks nothing
//! seek     who seeks      where its flow stands
//! expect   all            where it is put among the recent ones; who seeks nothing takes over where the flow stands
//! seek_more, seek_all     the rest of the flow, then its sums, its stream and who reads it
//! ```
//!
//! All of it is a hint: what stands there is checked when the frame is taken.

use super::Shard;
use super::flows::Sought;
use crate::duplicate::Identity;
use crate::peel::Peeled;

/// A frame that is soon to come, and what it will be looked up by.
#[derive(Debug, Clone, Copy)]
pub struct Coming {
    pub(super) identity: Identity,
    /// `None` where it was not looked for: of what is no whole IP packet, and of what is likely to be a copy.
    pub(super) flow: Option<Sought>,
    /// Which of those before it seems to be of the same flow: where that stands is known, and fetched.
    pub(super) like: Option<u32>,
}

impl Coming {
    /// Whether its flow has to be looked up.
    #[must_use]
    pub const fn seeks(&self) -> bool {
        self.flow.is_some() && self.like.is_none()
    }
}

/// Of the frames that come: the keys of the last few, as a mirror's copies come at once, and the last few flows, each with the
/// frame that began to look for it. A picture comes in many packets, and an answer soon. What of them is zero stands for none: a
/// frame that has it all the same is looked up when it is taken.
#[derive(Debug, Default)]
pub struct Latest {
    identities: [u64; 4],
    flows: [(u64, u32); 4],
}

impl Latest {
    /// Whether a frame that comes next seems to be one of them again.
    fn has_again(&mut self, next: Identity) -> bool {
        let next = next.key();
        let is_again = self.identities.contains(&next);
        let [first, second, third, _] = self.identities;
        self.identities = [next, first, second, third];
        is_again
    }

    /// The frame that looks for what seems to be the same flow; the one at `index` where none does.
    fn like(&mut self, sought: &Sought, index: u32) -> Option<u32> {
        let gist = sought.key.gist();
        let like = self.flows.iter().find(|(other, _)| *other == gist).map(|(_, like)| *like);
        if like.is_none() {
            let [first, second, third, _] = self.flows;
            self.flows = [(gist, index), first, second, third];
        }
        like
    }
}

fn slot_of(before: &[Option<Coming>], like: u32) -> Option<u32> {
    before.get(like as usize)?.as_ref()?.flow.as_ref()?.slot
}

impl Shard {
    /// The frame at `index` of those that come, for [`Shard::expected`]; `latest` are those before it.
    #[inline]
    #[must_use]
    pub fn coming(&self, index: u32, peeled: &Peeled, bytes: &[u8], latest: &mut Latest) -> Coming {
        let bytes = peeled.bytes(bytes);
        let identity = self.copies.identity(peeled, bytes);
        self.copies.foresee(identity);
        let is_again = latest.has_again(identity);
        let flow = if is_again { None } else { Sought::of_packet(&peeled.layers, bytes) };
        let like = flow.as_ref().and_then(|sought| latest.like(sought, index));
        Coming { identity, flow, like }
    }

    /// Gets ready for such a frame behind those `before` it, of which all that seek have begun to.
    #[inline]
    pub fn expect(&self, coming: &mut Coming, before: &[Option<Coming>]) {
        self.copies.foresee_more(coming.identity);
        if let (Some(like), Some(sought)) = (coming.like, &mut coming.flow) {
            sought.slot = slot_of(before, like);
        }
    }

    /// Looks up the flow of a frame that seeks its own: best first for all of them, then [`Shard::seek_more`] for all, then
    /// [`Shard::seek_all`].
    #[inline]
    pub fn seek(&self, coming: &mut Coming) {
        if let Some(sought) = &mut coming.flow {
            self.flows.foresee(sought);
        }
    }

    /// Gets ready for more of it.
    #[inline]
    pub fn seek_more(&self, coming: &mut Coming) {
        if let Some(sought) = &coming.flow {
            self.flows.foresee_more(sought);
        }
    }

    /// Gets ready for the rest of it.
    #[inline]
    pub fn seek_all(&self, coming: &mut Coming) {
        if let Some(stream) = coming.flow.as_ref().and_then(|sought| self.flows.foresee_all(sought)) {
            self.voice.streams.foresee(stream);
        }
    }
}
