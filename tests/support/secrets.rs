//! What a secret looks like on its way: the tests of more than one crate look for it.

/// A secret as it may travel: as it is, in hexadecimal, and in Base64 behind any bytes.
pub fn forms(secret: &str) -> Vec<Vec<u8>> {
    let bytes = secret.as_bytes();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut forms = vec![bytes.to_vec(), hex.to_uppercase().into_bytes(), hex.into_bytes()];
    for shift in 0..3 {
        // Signs that hold bits of their neighbours are left out.
        let all = base64(&[&vec![0; shift][..], bytes].concat());
        forms.push(all[(shift * 8).div_ceil(6)..(shift + bytes.len()) * 8 / 6].to_vec());
    }
    forms
}

fn base64(bytes: &[u8]) -> Vec<u8> {
    const SIGNS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bits: Vec<u8> = bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1)).collect();
    let sign = |bits: &[u8]| bits.iter().fold(0, |sum, bit| sum << 1 | bit) << (6 - bits.len());
    bits.chunks(6).map(|bits| SIGNS[usize::from(sign(bits))]).collect()
}
