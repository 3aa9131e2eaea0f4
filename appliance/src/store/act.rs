//! What people do to findings: [`act`]. Each change is in the audit, with who made it, why, and what was before.

use std::path::Path;

use rusqlite::{OpenFlags, TransactionBehavior, params};
use spanwatch_parsers::Time;

use super::{Reader, Trouble, connect, read, write};

/// What becomes of a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Somebody has seen it.
    Acknowledge,
    /// Somebody is at it.
    Begin,
    /// It is mended. Where it comes again it is new again.
    Resolve,
    /// Nobody is told of it, and of its like on the same subject, until then.
    Suppress {
        /// When it is new again.
        until: Time,
    },
    /// It is wrong: nobody is told of it any more.
    FalsePositive,
    /// It is new again.
    Reopen,
}

impl Act {
    /// The status that it gives.
    #[must_use]
    pub const fn status(&self) -> &'static str {
        match self {
            Self::Acknowledge => "acknowledged",
            Self::Begin => "in-progress",
            Self::Resolve => "resolved",
            Self::Suppress { .. } => "suppressed",
            Self::FalsePositive => "false-positive",
            Self::Reopen => "new",
        }
    }

    /// Whether it takes a reason.
    const fn takes_reason(&self) -> bool {
        matches!(self, Self::Suppress { .. } | Self::FalsePositive)
    }
}

/// Does it to the finding whose id begins so, and gives its whole id and the status that it had. `at` is the wall clock's time.
///
/// # Errors
/// Where there is no such finding, or several; where a reason is missing, or a suppression is over before it begins; where the
/// finding is over and would have to be open.
pub fn act(
    dir: &Path,
    id: &str,
    act: &Act,
    (who, at): (&str, Time),
    note: Option<&str>,
) -> Result<(String, String), Trouble> {
    let refused = |why: String| Err(Trouble::Refused(why));
    if act.takes_reason() && note.is_none_or(|note| note.trim().is_empty()) {
        return refused(format!("say why {id} is to be {}", act.status()));
    }
    if note.is_some_and(|note| note.len() > NOTE_BYTES_MAX) {
        return refused(format!("a note has {NOTE_BYTES_MAX} bytes at most"));
    }
    if matches!(act, Act::Suppress { until } if *until <= at) {
        return refused("a suppression must end in the future".to_owned());
    }
    let id = match Reader::open(dir)?.finding(id)? {
        Some(found) => found.id,
        None => return refused(format!("no finding, or more than one, has an id that begins with {id:?}")),
    };
    let mut db = connect(dir, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let step = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let Some((before, is_over)) = read::status(&step, &id)? else {
        return refused(format!("{id} is not there any more"));
    };
    if is_over && matches!(act, Act::Acknowledge | Act::Begin | Act::Reopen) {
        return refused(format!("{id} is over; if it comes again it opens by itself"));
    }
    let expires = if let Act::Suppress { until } = act { Some(until.0) } else { None };
    let reason = note.filter(|_| act.takes_reason());
    step.execute(
        "UPDATE findings SET status = ?2, status_at = ?3, status_by = ?4, status_count = count, reason = ?5, expires = ?6
         WHERE id = ?1",
        params![id, act.status(), at.0, who, reason, expires],
    )?;
    write::audit(&step, at, (who, act.status()), (Some(&id), Some(&before), Some(act.status())), note)?;
    step.commit()?;
    Ok((id, before))
}

/// Of a note.
const NOTE_BYTES_MAX: usize = 4_096;
