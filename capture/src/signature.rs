//! What a file that is no capture looks like, for the sentence that says so.
//!
//! Source: the formats' own specifications, as `file(1)` collects them.

/// Says what `head`, a file's first bytes, looks like: the end of a sentence
/// that begins with the file's name.
pub(crate) fn looks_like(head: &[u8]) -> String {
    if head.is_empty() {
        return "is an empty file".to_owned();
    }
    let known = SIGNATURES
        .iter()
        .find(|(at, magic, _)| head.get(*at..).is_some_and(|there| there.starts_with(magic)));
    if let Some((_, _, what)) = known {
        return format!("looks like {what}");
    }
    if head.iter().all(|byte| *byte == 0) {
        return "holds nothing but zeros".to_owned();
    }
    if let Some(what) = text(head) {
        return format!("looks like {what}");
    }
    let bytes = head.iter().take(8).map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ");
    format!("begins with the bytes {bytes}, as no capture does")
}

/// What kind of text it is; `None` for other bytes.
fn text(head: &[u8]) -> Option<&'static str> {
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        // The last character may be cut by the end of the head.
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(head.get(..error.valid_up_to())?).ok()?
        }
        Err(_) => return None,
    };
    if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\x0c' | '\x1b')) {
        return None;
    }
    let start = text.trim_start_matches('\u{feff}').trim_start();
    let compact: String = start.chars().filter(|c| !c.is_whitespace()).take(2).collect();
    Some(match start.as_bytes() {
        _ if matches!(compact.as_str(), "{\"" | "{}" | "[{" | "[[" | "[\"" | "[]") => "JSON text",
        [b'<', b'!' | b'h' | b'H', ..] => "an HTML page",
        [b'<', ..] => "XML text",
        [b'#', b'!', ..] => "a script",
        _ => "text",
    })
}

/// Offset, bytes there, and what has them.
const SIGNATURES: &[(usize, &[u8], &str)] = &[
    (0, b"snoop\0\0\0", "a Snoop capture, which is not read"),
    (0, b"GMBU", "a Microsoft Network Monitor 2 capture, which is not read"),
    (0, b"RTSS", "a Microsoft Network Monitor 1 capture, which is not read"),
    (0, b"TRSNIFF data", "a Sniffer capture, which is not read"),
    (0, b"XCP\0", "a NetXRay or Sniffer capture, which is not read"),
    (0, b"iptrace ", "an AIX iptrace capture, which is not read"),
    (0, b"btsnoop\0", "a Bluetooth snoop capture, which is not read"),
    (0, b"\x1c\x00\x01\xac", "an IXIA capture, which is not read"),
    (0, b"\x1c\x00\x01\xab", "an IXIA capture, which is not read"),
    (0, b"\x0a\x0d\x0d\x0a", "a pcapng capture whose first block is damaged"),
    (0, b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (0, b"\xff\xd8\xff", "a JPEG image"),
    (0, b"GIF8", "a GIF image"),
    (0, b"BM", "a BMP image"),
    (8, b"WEBP", "a WebP image"),
    (8, b"AVI ", "an AVI video"),
    (8, b"WAVE", "a WAV sound"),
    (4, b"ftyp", "an MP4 video"),
    (0, b"\x1a\x45\xdf\xa3", "a Matroska video"),
    (0, b"\x00\x00\x01\xba", "an MPEG video"),
    (0, b"%PDF", "a PDF document"),
    (0, b"%!PS", "a PostScript document"),
    (0, b"{\\rtf", "an RTF document"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Microsoft Office document"),
    (0, b"PK\x03\x04", "a ZIP archive or a newer Office document; unpack it first"),
    (0, b"PK\x05\x06", "an empty ZIP archive"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive; unpack it first"),
    (0, b"Rar!\x1a\x07", "a RAR archive; unpack it first"),
    (0, b"\xfd7zXZ\0", "an xz-compressed file; unpack it first"),
    (0, b"BZh", "a bzip2-compressed file; unpack it first"),
    (0, b"\x04\x22\x4d\x18", "an LZ4-compressed file; unpack it first"),
    (0, b"LZIP", "an lzip-compressed file; unpack it first"),
    (0, b"\x1f\x9d", "a compress(1)ed file; unpack it first"),
    (0, b"\x1f\x8b", "a gzip-compressed file that is damaged or packed too often"),
    (0, b"\x28\xb5\x2f\xfd", "a zstd-compressed file that is damaged or packed too often"),
    (257, b"ustar", "a tar archive; unpack it first"),
    (0, b"\x7fELF", "a Linux program"),
    (0, b"MZ", "a Windows program"),
    (0, b"SQLite format 3\0", "an SQLite database"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_are_no_captures_are_named() {
        assert_eq!(looks_like(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"), "looks like a PNG image");
        assert_eq!(looks_like(b"snoop\0\0\0\0\0\0\x02"), "looks like a Snoop capture, which is not read");
        assert_eq!(looks_like(b""), "is an empty file");
        assert_eq!(looks_like(&[0; 40]), "holds nothing but zeros");
        assert_eq!(looks_like(b"camera,address\n"), "looks like text");
        assert_eq!(looks_like(b"[section]\nkey=1\n"), "looks like text");
        assert_eq!(looks_like(b"\xef\xbb\xbf {\"a\": 1}"), "looks like JSON text");
        assert_eq!(looks_like("Türöffner, Tür".as_bytes().split_last().unwrap().1), "looks like text");
    }

    #[test]
    fn unknown_bytes_are_shown() {
        assert_eq!(looks_like(b"\x01\x02\xff"), "begins with the bytes 01 02 ff, as no capture does");
    }
}
