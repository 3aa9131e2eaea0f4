//! Base 64, as it comes over a stream: four digits of six bits are three bytes, the first digit the highest.
//!
//! Source: RFC 4648, 4. Blanks and line ends between digits are stepped over (RFC 2045, 6.8).

/// Decodes digit by digit.
#[derive(Debug, Default, Clone, Copy)]
pub struct Decoder {
    bits: u32,
    digits: u8,
}

impl Decoder {
    /// Appends what `encoded` adds to `out`; whether all of it were digits.
    pub fn decode(&mut self, encoded: &[u8], out: &mut Vec<u8>) -> bool {
        for &byte in encoded {
            match (byte, sextet(byte)) {
                (b' ' | b'\t' | b'\r' | b'\n', _) => {}
                // The end of a message: the next begins a new group.
                (b'=', _) => *self = Self::default(),
                (_, None) => return false,
                (_, Some(sextet)) => {
                    self.bits = (self.bits << 6) | u32::from(sextet);
                    self.digits = self.digits.saturating_add(1);
                    // A byte is there with the second, the third and the fourth digit.
                    let below = match self.digits {
                        1 => continue,
                        2 => 4,
                        3 => 2,
                        _ => 0,
                    };
                    let [.., byte] = (self.bits >> below).to_be_bytes();
                    out.push(byte);
                    if self.digits >= 4 {
                        *self = Self::default();
                    }
                }
            }
        }
        true
    }
}

/// What a digit stands for; `None` of what is none.
#[must_use]
pub fn sextet(digit: u8) -> Option<u8> {
    match digit {
        b'A'..=b'Z' => digit.checked_sub(b'A'),
        b'a'..=b'z' => digit.checked_sub(b'a')?.checked_add(26),
        b'0'..=b'9' => digit.checked_sub(b'0')?.checked_add(52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(pieces: &[&str]) -> (String, bool) {
        let (mut decoder, mut out) = (Decoder::default(), Vec::new());
        let is_all = pieces.iter().all(|piece| decoder.decode(piece.as_bytes(), &mut out));
        (String::from_utf8(out).unwrap(), is_all)
    }

    #[test]
    fn groups_become_bytes_however_they_are_cut() {
        // The vectors of RFC 4648, 10.
        for (encoded, plain) in [
            ("", ""),
            ("Zg==", "f"),
            ("Zm8=", "fo"),
            ("Zm9v", "foo"),
            ("Zm9vYg==", "foob"),
            ("Zm9vYmE=", "fooba"),
        ] {
            assert_eq!(decoded(&[encoded]), (plain.to_owned(), true));
        }
        assert_eq!(decoded(&["Z", "m9", "vY\r\nm", "Fy"]), ("foobar".to_owned(), true));
    }

    #[test]
    fn messages_padded_one_by_one_stand_behind_one_another() {
        assert_eq!(decoded(&["Zg==Zm8=Zm9v"]), ("ffofoo".to_owned(), true));
    }

    #[test]
    fn what_is_no_digit_ends_it() {
        assert_eq!(decoded(&["Zm9v*Zm9v"]), ("foo".to_owned(), false));
    }
}
