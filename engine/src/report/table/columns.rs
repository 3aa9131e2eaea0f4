//! Which columns a table shows at a width, and how wide: what a person copies or
//! compares, such as an address, stands whole or not at all.
//!
//! A table that is too wide gives way step by step, in the order that its maker
//! names, until it fits: texts end in `…`, columns go. Of a table that does not fit
//! even then, lines are longer than the width.

use comfy_table::{CellAlignment, ColumnConstraint, Table, Width};

/// One column.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    pub name: &'static str,
    pub form: Form,
}

/// What stands in a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Words that may be shortened.
    Text,
    /// An address, a state: never shortened.
    Whole,
    /// Never shortened, and aligned at its end.
    Number,
}

/// One step of giving way.
#[derive(Debug, Clone, Copy)]
pub(super) enum Give {
    /// Texts may be shortened down to so many characters, as far as it takes.
    Shorten(u16),
    /// The column of this name goes.
    Drop(&'static str),
}

/// Fits a table with these columns into `width`; returns the names of those that went.
pub(super) fn fit(table: &mut Table, columns: &[Column], width: u16, order: &[Give]) -> Vec<&'static str> {
    let mut texts_min = u16::MAX;
    let mut dropped = Vec::new();
    let mut widths: Vec<(Column, u16)> =
        columns.iter().copied().zip(table.column_max_content_widths()).collect();
    for give in order {
        let least = widths.iter().map(|(column, width)| match column.form {
            Form::Text => *width.min(&texts_min),
            Form::Whole | Form::Number => *width,
        });
        if total(least) <= u32::from(width) {
            break;
        }
        match *give {
            Give::Shorten(min) => texts_min = min,
            Give::Drop(name) => {
                widths.retain(|(column, _)| column.name != name);
                dropped.push(name);
            }
        }
    }
    shorten(&mut widths, texts_min, width);
    for (index, column) in columns.iter().enumerate() {
        let Some(shown) = table.column_mut(index) else { continue };
        let width = widths.iter().find(|(it, _)| it.name == column.name).map(|(_, width)| *width);
        shown.set_constraint(match width {
            None => ColumnConstraint::Hidden,
            Some(width) => ColumnConstraint::Absolute(Width::Fixed(width.saturating_add(PADDING))),
        });
        if column.form == Form::Number {
            shown.set_cell_alignment(CellAlignment::Right);
        }
        // Cut where the room ends, not at the last word that has room.
        shown.set_delimiter('\0');
    }
    table.set_truncation_indicator("…");
    table.row_iter_mut().for_each(|row| {
        row.max_height(1);
    });
    dropped
}

/// Takes from the widest text first, none below `min`.
fn shorten(widths: &mut [(Column, u16)], min: u16, width: u16) {
    while total(widths.iter().map(|(_, width)| *width)) > u32::from(width) {
        let texts = widths.iter_mut().filter(|(column, width)| column.form == Form::Text && *width > min);
        let Some((_, widest)) = texts.max_by_key(|(_, width)| *width) else { return };
        *widest = widest.saturating_sub(1);
    }
}

fn total(widths: impl Iterator<Item = u16>) -> u32 {
    widths.map(|width| u32::from(width) + u32::from(PADDING)).sum()
}

/// A blank on each side of a column.
const PADDING: u16 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 3] = [
        Column { name: "ADDRESS", form: Form::Whole },
        Column { name: "NAME", form: Form::Text },
        Column { name: "SURE", form: Form::Number },
    ];
    const ORDER: [Give; 3] = [Give::Shorten(8), Give::Drop("SURE"), Give::Drop("NAME")];

    fn lines(name: &str, width: u16) -> Vec<String> {
        let mut table = Table::new();
        table.load_preset(comfy_table::presets::NOTHING).set_width(width);
        table.set_content_arrangement(comfy_table::ContentArrangement::Dynamic);
        table.set_header(COLUMNS.map(|column| column.name));
        table.add_row(["2001:db8:0:1::aaaa", name, "0.9"]);
        fit(&mut table, &COLUMNS, width, &ORDER);
        table.lines().map(|line| line.trim().split_ascii_whitespace().collect::<Vec<_>>().join(" ")).collect()
    }

    #[test]
    fn a_table_that_fits_is_whole() {
        assert_eq!(lines("front door", 38), ["ADDRESS NAME SURE", "2001:db8:0:1::aaaa front door 0.9"]);
    }

    #[test]
    fn texts_are_shortened_before_a_column_goes() {
        assert_eq!(lines("front door", 37)[1], "2001:db8:0:1::aaaa front do… 0.9");
        assert_eq!(lines("front door", 36)[1], "2001:db8:0:1::aaaa front d… 0.9");
        assert_eq!(lines("front door", 35), ["ADDRESS NAME", "2001:db8:0:1::aaaa front door"]);
    }

    #[test]
    fn an_address_stands_whole_where_nothing_is_left_to_give() {
        assert_eq!(lines("front door", 9), ["ADDRESS", "2001:db8:0:1::aaaa"]);
    }

    #[test]
    fn wide_letters_are_cut_to_the_room_they_take() {
        assert_eq!(lines("正门摄像机", 36)[1], "2001:db8:0:1::aaaa 正门摄… 0.9");
    }

    #[test]
    fn a_text_of_two_lines_shows_its_first() {
        assert_eq!(lines("front\ndoor", 80)[1], "2001:db8:0:1::aaaa fron… 0.9");
    }
}
