//! The help page of a kind of finding: its detector's own documentation.

use spanwatch_engine::detectors;
use spanwatch_engine::finding::Kind;

/// A part of a line.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece {
    /// Words.
    Words(String),
    /// What stands as it is written elsewhere.
    Code(String),
}

/// A heading with its paragraphs.
#[derive(Debug, PartialEq, Eq, Default)]
pub struct Section {
    /// Empty for what stands before any.
    pub heading: String,
    /// Each in pieces.
    pub paragraphs: Vec<Vec<Piece>>,
}

/// The kind of an id.
pub fn kind(id: &str) -> Option<&'static Kind> {
    detectors::ALL.iter().find(|kind| kind.id == id).copied()
}

/// What a kind says, in one sentence.
pub fn sentence(kind: &Kind) -> String {
    let help = kind.help();
    let first = help.split("\n\n").next().unwrap_or_default().replace('\n', " ");
    first.split_once(": ").map_or(first.clone(), |(_, said)| said.to_owned()).replace('`', "")
}

/// The page, down to what is for us.
pub fn sections(kind: &Kind) -> Vec<Section> {
    let mut sections = vec![Section::default()];
    let mut paragraph = String::new();
    let help = kind.help();
    for line in help.lines().chain([""]) {
        if let Some(heading) = line.strip_prefix("## ") {
            sections.push(Section { heading: heading.to_owned(), paragraphs: Vec::new() });
        } else if line.is_empty() {
            let whole = std::mem::take(&mut paragraph);
            if let (Some(section), false) = (sections.last_mut(), whole.is_empty()) {
                section.paragraphs.push(pieces(&whole));
            }
        } else {
            if !paragraph.is_empty() {
                paragraph.push(' ');
            }
            paragraph.push_str(line);
        }
    }
    sections.retain(|section| !section.paragraphs.is_empty());
    sections
}

fn pieces(paragraph: &str) -> Vec<Piece> {
    let parts = paragraph.split('`').enumerate();
    let piece = |(index, part): (usize, &str)| {
        if index % 2 == 0 { Piece::Words(part.to_owned()) } else { Piece::Code(part.to_owned()) }
    };
    parts.map(piece).filter(|it| !matches!(it, Piece::Words(words) if words.is_empty())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_page_that_says_what_why_and_where_it_is_wrong() {
        for kind in detectors::ALL {
            let headings: Vec<String> = sections(kind).into_iter().map(|section| section.heading).collect();
            for due in ["What it says", "Why it matters", "Where it is wrong"] {
                assert!(headings.iter().any(|it| it == due), "{}: {headings:?}", kind.id);
            }
            assert!(sentence(kind).len() > 10, "{}", kind.id);
        }
    }

    #[test]
    fn code_stands_apart() {
        let words = |text: &str| Piece::Words(text.into());
        assert_eq!(pieces("a `b` c"), [words("a "), Piece::Code("b".into()), words(" c")]);
    }
}
