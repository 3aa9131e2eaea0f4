//! Numbers of either byte order out of a byte slice.

/// The byte order a capture was written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Big,
    Little,
}

impl Order {
    /// The 16-bit number at `at`; `None` past the end.
    pub(crate) fn u16(self, bytes: &[u8], at: usize) -> Option<u16> {
        let chunk = *bytes.get(at..)?.first_chunk()?;
        Some(match self {
            Self::Big => u16::from_be_bytes(chunk),
            Self::Little => u16::from_le_bytes(chunk),
        })
    }

    /// The 32-bit number at `at`; `None` past the end.
    pub(crate) fn u32(self, bytes: &[u8], at: usize) -> Option<u32> {
        let chunk = *bytes.get(at..)?.first_chunk()?;
        Some(match self {
            Self::Big => u32::from_be_bytes(chunk),
            Self::Little => u32::from_le_bytes(chunk),
        })
    }

    /// The first `N` 32-bit numbers; `None` where there are fewer.
    pub(crate) fn words<const N: usize>(self, bytes: &[u8]) -> Option<[u32; N]> {
        let words = *bytes.as_chunks().0.first_chunk::<N>()?;
        Some(match self {
            Self::Big => words.map(u32::from_be_bytes),
            Self::Little => words.map(u32::from_le_bytes),
        })
    }

    /// The 64-bit number at `at`; `None` past the end.
    pub(crate) fn u64(self, bytes: &[u8], at: usize) -> Option<u64> {
        let chunk = *bytes.get(at..)?.first_chunk()?;
        Some(match self {
            Self::Big => u64::from_be_bytes(chunk),
            Self::Little => u64::from_le_bytes(chunk),
        })
    }
}
