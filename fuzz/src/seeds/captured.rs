//! The frames of captures.

use std::path::PathBuf;

use spanwatch_capture::{Batch, Inputs, Reader, Source};
use spanwatch_parsers::LinkType;

/// A frame of a capture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Captured {
    /// Its link type.
    pub link: LinkType,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// Reads captures, one after the other.
///
/// # Errors
/// Where one cannot be read.
pub fn captured(paths: &[PathBuf]) -> Result<Vec<Captured>, Box<dyn std::error::Error>> {
    let mut frames = Vec::new();
    for path in paths {
        let mut reader = Reader::new(Inputs::find(&[path])?, None);
        let mut batch = Batch::default();
        while reader.fill(&mut batch)? {
            let of_batch = batch.frames();
            frames.extend(of_batch.map(|(head, bytes)| Captured { link: head.link, bytes: bytes.to_vec() }));
        }
    }
    Ok(frames)
}

/// At most `most` of them, from all over.
pub fn spread<T>(all: Vec<T>, most: usize) -> Vec<T> {
    let step = all.len().div_ceil(most).max(1);
    all.into_iter().step_by(step).collect()
}
