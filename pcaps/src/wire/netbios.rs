//! NetBIOS name queries (RFC 1002, 4.2.12), UDP 137 to broadcast.
//!
//! ```text
//! 0    2       4           6 ... 12         45     46     48
//! | id | flags | 1 question | 0 | 0x20, name 32 | 0 | type | class |
//! ```
//!
//! The name has 15 letters, filled with blanks, and a suffix; each half byte is sent as a letter from A on
//! (RFC 1001, 14.1).

/// Asks all for the workstation of this name, which is cut after 15 letters.
#[must_use]
pub fn query(id: u16, name: &str) -> Vec<u8> {
    let mut plain = [b' '; 16];
    for (place, letter) in plain[..15].iter_mut().zip(name.bytes()) {
        *place = letter.to_ascii_uppercase();
    }
    plain[15] = WORKSTATION;
    let mut out = id.to_be_bytes().to_vec();
    // Recursion desired, broadcast.
    out.extend_from_slice(&[0x01, 0x10, 0, 1, 0, 0, 0, 0, 0, 0, 0x20]);
    out.extend(plain.iter().flat_map(|byte| [b'A' + (byte >> 4), b'A' + (byte & 15)]));
    out.extend_from_slice(&[0, 0, 0x20, 0, 1]);
    out
}

const WORKSTATION: u8 = 0;
