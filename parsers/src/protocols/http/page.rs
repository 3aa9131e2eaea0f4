//! The title of a page: `<title>WEB SERVICE</title>`, anywhere in its first bytes, in any case.

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
    fn page_without_a_whole_title_has_none() {
        for page in [&b"<html><body>title"[..], b"<title>", b"<title>cut", b"<title> </title>", b"<title"] {
            assert_eq!(title(page), None);
        }
    }
}
