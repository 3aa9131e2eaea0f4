//! What is wrong with an input: [`Damage`], and [`Harm`], which gathers it.

use std::fmt;

/// Where an input is damaged or cut, and what was expected there.
///
/// Everything before, and whatever could be found again behind it, was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The first damaged byte, counted from 0 in the uncompressed capture.
    pub offset: u64,
    /// Where about that is in the file as given, where it is compressed.
    pub compressed_offset: Option<u64>,
    /// What was expected and what stood there.
    pub text: String,
    /// How many damaged places there are.
    pub places: u64,
    /// Bytes of the uncompressed capture that could not be read as frames because of it.
    pub skipped: u64,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "damaged at byte {}", self.offset)?;
        if let Some(offset) = self.compressed_offset {
            write!(f, " (about byte {offset} of the compressed file)")?;
        }
        write!(f, ": {}", self.text)?;
        match (self.places, self.skipped) {
            (_, 0) => Ok(()),
            (1, skipped) => write!(f, "; {skipped} bytes could not be read"),
            (places, skipped) => write!(f, "; {skipped} bytes in {places} places could not be read"),
        }
    }
}

/// The damage of one input so far.
#[derive(Debug, Default)]
pub(crate) struct Harm {
    first: Option<(u64, String)>,
    places: u64,
    skipped: u64,
}

impl Harm {
    /// Notes a damaged place.
    pub(crate) fn note(&mut self, offset: u64, text: impl Into<String>) {
        self.places = self.places.saturating_add(1);
        if self.first.is_none() {
            self.first = Some((offset, text.into()));
        }
    }

    /// Notes bytes that were passed over because of the last noted place.
    pub(crate) fn skip(&mut self, bytes: u64) {
        self.skipped = self.skipped.saturating_add(bytes);
    }

    /// How many places were noted.
    pub(crate) const fn places(&self) -> u64 {
        self.places
    }

    /// All of it, for the report.
    pub(crate) fn damage(&self, compressed_offset: Option<u64>) -> Option<Damage> {
        self.first.clone().map(|(offset, text)| Damage {
            offset,
            compressed_offset,
            text,
            places: self.places,
            skipped: self.skipped,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_place_is_told_and_all_are_counted() {
        let mut harm = Harm::default();
        assert_eq!(harm.damage(None), None);
        harm.note(24, "the file ends inside a record");
        harm.skip(7);
        assert_eq!(
            harm.damage(None).unwrap().to_string(),
            "damaged at byte 24: the file ends inside a record; 7 bytes could not be read"
        );
        harm.note(99, "zeros");
        harm.skip(3);
        assert_eq!(
            harm.damage(Some(12)).unwrap().to_string(),
            "damaged at byte 24 (about byte 12 of the compressed file): the file ends inside a record; \
             10 bytes in 2 places could not be read"
        );
    }
}
