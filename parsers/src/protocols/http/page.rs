//! What a page is: its title, `<title>WEB SERVICE</title>`, anywhere in its first bytes, in any case; or that it is pictures
//! which replace each other, by the first part's `Content-Type: image/jpeg`.

/// The title, blanks in a row joined; `None` where there is none or its end is missing.
pub(super) fn title(page: &[u8]) -> Option<Vec<u8>> {
    let open = position(page, b"<title")?;
    let behind = page.get(open.saturating_add(6)..)?;
    let start = behind.iter().position(|&byte| byte == b'>')?.checked_add(1)?;
    let text = behind.get(start..)?;
    let text = text.get(..position(text, b"</title")?)?;
    let words = text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    Some(words.collect::<Vec<_>>().join(&b' ')).filter(|title| !title.is_empty())
}

/// Whether the first of parts is a picture (RFC 2046, 5.1.1).
pub(super) fn is_of_pictures(parts: &[u8]) -> bool {
    let head_end = position(parts, b"\r\n\r\n").unwrap_or(parts.len());
    position(parts.get(..head_end).unwrap_or_default(), b"content-type: image/jpeg").is_some()
}

/// Where `word`, in lower case, stands first.
fn position(bytes: &[u8], word: &[u8]) -> Option<usize> {
    bytes.windows(word.len()).position(|window| window.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn title_is_found_in_any_case_and_over_lines() {
        let page = b"<!DOCTYPE html><HEAD><TITLE id=x>\r\n Network\n Camera </Title>";
        assert_eq!(title(page), Some(b"Network Camera".to_vec()));
    }

    #[test]
    fn pictures_are_told_from_events_that_replace_each_other_too() {
        let parts = |kind: &str| format!("--b\r\nContent-type: {kind}\r\nContent-Length: 9\r\n\r\n");
        assert!(is_of_pictures(parts("image/jpeg").as_bytes()));
        let event = parts("text/plain") + "Content-Type: image/jpeg";
        assert!(!is_of_pictures(event.as_bytes()) && !is_of_pictures(b""));
    }

    #[test]
    fn page_without_a_whole_title_has_none() {
        for page in [&b"<html><body>title"[..], b"<title>", b"<title>cut", b"<title> </title>", b"<title"] {
            assert_eq!(title(page), None);
        }
    }
}
