//! The search for the next good block behind damage.
//!
//! A block's length stands at both its ends, so that three blocks of known type
//! in a row, or all up to the end of the file, prove themselves. An interface
//! that was in the damage is lost, and with it the packets that name it; where
//! others have taken its number, that cannot be seen.

use std::io::Read;

use super::{
    COUNTS, EMPTY, ENHANCED, HELD_MAX, INTERFACE, NAMES, OLD, Pcapng, SECTION, SECTION_MAGIC, SIMPLE,
    section_order,
};
use crate::block::Window;
use crate::bytes::Order;
use crate::format::RESYNC_MAX;

impl Pcapng {
    /// Searches on from a damaged block; leaves the window on a good one, or says no.
    pub(super) fn resync<R: Read>(&self, window: &mut Window<R>) -> bool {
        for _ in 0..RESYNC_MAX {
            window.pass(1);
            if window.peek(EMPTY).is_none() {
                break;
            }
            if self.chains(window) {
                return true;
            }
        }
        window.pass(window.in_view());
        false
    }

    fn chains<R: Read>(&self, window: &mut Window<R>) -> bool {
        let mut order = self.section.as_ref().map(|section| section.order);
        let mut ahead = 0_usize;
        for _ in 0..CHAIN {
            if ahead > 0 && window.peek(ahead.saturating_add(1)).is_none() {
                return window.in_view() == ahead;
            }
            let Some((length, its_order)) = self.beyond_doubt(window, ahead, order) else { return false };
            order = Some(its_order);
            ahead = ahead.saturating_add(length);
        }
        true
    }

    /// The length of the block `ahead` bytes from here, if it is one beyond doubt.
    fn beyond_doubt<R: Read>(
        &self,
        window: &mut Window<R>,
        ahead: usize,
        order: Option<Order>,
    ) -> Option<(usize, Order)> {
        let head = window.peek(ahead.checked_add(EMPTY)?)?.get(ahead..)?;
        let order = if head.starts_with(&SECTION_MAGIC) { section_order(head)? } else { order? };
        let kind = order.u32(head, 0)?;
        let is_known = matches!(kind, SECTION | INTERFACE | OLD | SIMPLE | NAMES | COUNTS | ENHANCED);
        let id = order.u32(head, 8)? as usize;
        let total = order.u32(head, 4)?;
        let length = total as usize;
        let count = self.section.as_ref().map_or(0, |section| section.interfaces.len());
        let names_nobody = kind == ENHANCED && ahead == 0 && id >= count;
        if !is_known || names_nobody || !(EMPTY..=HELD_MAX).contains(&length) || !length.is_multiple_of(4) {
            return None;
        }
        let block = window.peek(ahead.checked_add(length)?)?.get(ahead..)?;
        (order.u32(block, length.saturating_sub(4)) == Some(total)).then_some((length, order))
    }
}

/// Blocks in a row that prove a place to be a block's beginning.
const CHAIN: usize = 3;
