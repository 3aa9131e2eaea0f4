//! Lists by cursor: a page names where the next begins.
//!
//! A cursor is the place in the list and what stands before it, so that it is noticed where the list changed meanwhile.

use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::problem::{self, Problem};
use crate::lists::encoded;

/// Which part of a list.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct Part {
    /// How many at most, 1 to 1000; 100 unless given.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// Which part.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct Before {
    /// Only what was done before that number.
    pub before: Option<i64>,
}

/// What a capture is called.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct Called {
    /// A file's name; letters that are harmless in one are kept.
    pub name: String,
}

/// A part of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct Page<T> {
    /// In the list's order.
    pub items: Vec<T>,
    /// How many there are in all.
    pub total: u64,
    /// The cursor of the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// The same part, with what `make` makes of each item.
    pub fn map<M>(self, make: impl FnMut(T) -> M) -> Page<M> {
        Page { items: self.items.into_iter().map(make).collect(), total: self.total, next: self.next }
    }
}

/// Cuts a part out of `all`; `key` names an item.
///
/// # Errors
/// Where the cursor is none, or the list changed where it points to.
pub fn cut<T>(
    all: Vec<T>,
    part: Result<Query<Part>, QueryRejection>,
    key: impl Fn(&T) -> String,
) -> Result<Page<T>, Problem> {
    let Query(part) = part?;
    let limit = part.limit.unwrap_or(LIMIT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(problem::bad("limit: 1 to 1000"));
    }
    let limit = usize::try_from(limit).unwrap_or(1);
    let total = all.len();
    let from = match part.cursor.filter(|cursor| !cursor.is_empty()) {
        None => 0,
        Some(cursor) => begin(&all, &cursor, &key)?,
    };
    let items: Vec<T> = all.into_iter().skip(from).take(limit).collect();
    let end = from.saturating_add(items.len());
    let next = items.last().filter(|_| end < total).map(|last| format!("{end}:{}", encoded(&key(last))));
    Ok(Page { items, total: total as u64, next })
}

/// Where a cursor points to: behind the item that it names, wherever that stands by now.
fn begin<T>(all: &[T], cursor: &str, key: &impl Fn(&T) -> String) -> Result<usize, Problem> {
    let wrong = || problem::outdated("cursor: the list has no such place (any more); begin anew without it");
    let (place, name) = cursor.split_once(':').ok_or_else(wrong)?;
    let place: usize = place.parse().map_err(|_| wrong())?;
    let is_named = |item: &T| encoded(&key(item)) == name;
    if place.checked_sub(1).and_then(|last| all.get(last)).is_some_and(is_named) {
        return Ok(place);
    }
    all.iter().position(is_named).map(|at| at.saturating_add(1)).ok_or_else(wrong)
}

/// Items of a page.
const LIMIT: u32 = 100;
const LIMIT_MAX: u32 = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn part(all: Vec<u32>, limit: Option<u32>, cursor: Option<String>) -> Result<Page<u32>, Problem> {
        cut(all, Ok(Query(Part { limit, cursor })), |it| it.to_string())
    }

    #[test]
    fn pages_join_to_the_list() {
        let (mut met, mut cursor) = (Vec::new(), None);
        loop {
            let page = part((0..25).collect(), Some(10), cursor).unwrap();
            met.extend(page.items);
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(met, (0..25).collect::<Vec<_>>());
    }

    #[test]
    fn a_cursor_follows_its_item_and_a_wrong_one_is_told() {
        let moved = part((5..25).collect(), Some(2), Some("10:9".into())).unwrap();
        assert_eq!(moved.items, [10, 11]);
        for wrong in ["x", "10:99", "-1:3", "99999999999999999999:1"] {
            assert!(part((0..25).collect(), None, Some(wrong.into())).is_err(), "{wrong}");
        }
        assert!(part(vec![], Some(0), None).is_err());
        assert!(part(vec![], Some(1_001), None).is_err());
    }
}
