//! Where frames come from: [`Source`], files or ports.

use crate::batch::Batch;
use crate::input::InputReport;
use crate::reader::ReadError;

/// Inputs read as one capture: [`crate::Reader`] over files, [`crate::Live`] over network ports.
pub trait Source: Send {
    /// Fills a batch; `false` where there is nothing more.
    ///
    /// # Errors
    /// Where reading cannot go on.
    fn fill(&mut self, batch: &mut Batch) -> Result<bool, ReadError>;

    /// Whether a filter may leave frames out.
    fn is_filtered(&self) -> bool;

    /// Why frames of some link types could not pass the filter: one sentence each.
    fn filter_refusals(&self) -> Vec<String>;

    /// Reports on every input, in the order of [`crate::FrameHead::input`], once [`Source::fill`] said `false`.
    ///
    /// # Errors
    /// As of [`Source::fill`].
    fn finish(&mut self) -> Result<Vec<InputReport>, ReadError>;
}
