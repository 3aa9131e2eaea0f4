//! The two parameter sets of an H.264 picture (ITU-T H.264, 7.3.2), and how SDP carries them (RFC 6184, 8.1).
//!
//! ```text
//! 67 | profile 42 | constraints c0 | level | bits: ids, frame numbers, width, height, cropping
//! 68 | bits: ids, entropy coding, slices, quantizers
//! ```
//!
//! Baseline profile, one reference picture, no usability information.

use super::base64;

/// The parameters of an `a=fmtp` line for pictures of this size, both even.
#[must_use]
pub fn fmtp(width: u32, height: u32) -> String {
    let (sequence, picture) = parameter_sets(width, height);
    let [_, profile, constraints, level, ..] = sequence[..] else { unreachable!("it is longer") };
    let (sequence, picture) = (base64::encode(&sequence), base64::encode(&picture));
    format!(
        "packetization-mode=1;profile-level-id={profile:02X}{constraints:02X}{level:02X};\
         sprop-parameter-sets={sequence},{picture}"
    )
}

/// Sequence and picture parameter set for pictures of this size, both even.
#[must_use]
pub fn parameter_sets(width: u32, height: u32) -> (Vec<u8>, Vec<u8>) {
    let (across, down) = (width.div_ceil(16), height.div_ceil(16));
    let mut sequence = Bits::default();
    // Set 0, 4 bits of frame number, order as sent, one reference, no gaps.
    sequence.golomb(0).golomb(0).golomb(2).golomb(1).flag(false);
    // Whole frames, direct inference.
    sequence.golomb(across - 1).golomb(down - 1).flag(true).flag(true);
    let cropped = ((across * 16 - width) / 2, (down * 16 - height) / 2);
    if cropped == (0, 0) {
        sequence.flag(false);
    } else {
        sequence.flag(true).golomb(0).golomb(cropped.0).golomb(0).golomb(cropped.1);
    }
    sequence.flag(false);

    let mut picture = Bits::default();
    // Sets 0 and 0, variable-length codes, no order for fields, one slice group, one reference each.
    picture.golomb(0).golomb(0).flag(false).flag(false).golomb(0).golomb(0).golomb(0);
    // No weights, quantizers as they are, deblocking is told, the rest is not.
    picture.flag(false).flag(false).flag(false).golomb(0).golomb(0).golomb(0);
    picture.flag(true).flag(false).flag(false);

    let level = match across * down {
        0..=396 => 20,
        397..=1_620 => 30,
        1_621..=3_600 => 31,
        3_601..=8_192 => 40,
        _ => 51,
    };
    ([&[0x67, 0x42, 0xc0, level], &sequence.finish()[..]].concat(), [&[0x68], &picture.finish()[..]].concat())
}

/// Bits, the first one highest.
#[derive(Default)]
struct Bits(Vec<bool>);

impl Bits {
    fn flag(&mut self, is_set: bool) -> &mut Self {
        self.0.push(is_set);
        self
    }

    /// An Exp-Golomb code (9.1): as many zeros as bits follow the first one.
    fn golomb(&mut self, value: u32) -> &mut Self {
        let code = value + 1;
        let length = 32 - code.leading_zeros();
        self.0.extend((1..length).map(|_| false));
        self.0.extend((0..length).rev().map(|bit| code >> bit & 1 == 1));
        self
    }

    /// The bytes, behind a stop bit (7.3.2.11).
    fn finish(&mut self) -> Vec<u8> {
        self.flag(true);
        self.0
            .chunks(8)
            .map(|bits| bits.iter().enumerate().map(|(at, bit)| u8::from(*bit) << (7 - at)).sum())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_picture_is_as_written_by_hand() {
        let (sequence, picture) = parameter_sets(320, 192);
        assert_eq!(sequence[4..], [0xda, 0x05, 0x06, 0x64]);
        assert_eq!(picture, [0x68, 0xce, 0x3c, 0x80]);
    }
}
