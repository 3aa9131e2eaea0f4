//! Reading a frame from front to back: [`Cursor`].

/// A place in a frame; every read checks that there is enough left, and moves on.
#[derive(Debug, Clone, Copy)]
pub struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    /// Stands at `at`; what lies at `end` and beyond does not exist.
    #[must_use]
    pub fn new(bytes: &'a [u8], at: usize, end: usize) -> Self {
        Self { bytes: bytes.get(..end).unwrap_or(bytes), at }
    }

    /// Where it stands.
    #[must_use]
    pub const fn at(&self) -> usize {
        self.at
    }

    /// What is left.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// Steps over `count` bytes.
    pub fn skip(&mut self, count: usize) -> Option<()> {
        let at = self.at.checked_add(count)?;
        (at <= self.bytes.len()).then(|| self.at = at)
    }

    /// The next `N` bytes.
    pub fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let found = *self.rest().first_chunk::<N>()?;
        self.at = self.at.saturating_add(N);
        Some(found)
    }

    /// The next byte.
    pub fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// The next two bytes, big-endian.
    pub fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    /// The next four bytes, big-endian.
    pub fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }
}

/// A position as it is kept: frames are far shorter than 4 GiB.
#[must_use]
pub fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_read_past_the_end() {
        let mut cursor = Cursor::new(b"\x01\x02\x03\x04\x05", 1, 4);
        assert_eq!(cursor.u16(), Some(0x0203));
        assert_eq!(cursor.u16(), None);
        assert_eq!((cursor.u8(), cursor.u8(), cursor.at()), (Some(4), None, 4));
        assert_eq!(cursor.skip(1), None);
    }
}
