//! What people do to findings: [`act`]. Each change is in the audit, with who made it, from where, why, and what was before.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, TransactionBehavior, params};
use spanwatch_parsers::Time;

use super::users::{By, Changed, audit};
use super::{Reader, Trouble, connect, read};
use crate::access::{Role, Team};

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
    /// Something is to be remembered of it.
    Note,
    /// It is somebody's, or nobody's.
    Assign {
        /// Whose; `None` is nobody's.
        to: Option<String>,
    },
    /// It is the other team's turn.
    HandOver {
        /// Whose.
        to: Team,
    },
}

impl Act {
    /// The status that it gives; `None` where it leaves it as it is.
    #[must_use]
    pub const fn status(&self) -> Option<&'static str> {
        match self {
            Self::Acknowledge => Some("acknowledged"),
            Self::Begin => Some("in-progress"),
            Self::Resolve => Some("resolved"),
            Self::Suppress { .. } => Some("suppressed"),
            Self::FalsePositive => Some("false-positive"),
            Self::Reopen => Some("new"),
            Self::Note | Self::Assign { .. } | Self::HandOver { .. } => None,
        }
    }

    /// What the audit calls it.
    const fn name(&self) -> &'static str {
        match self {
            Self::Note => "noted",
            Self::Assign { .. } => "assigned",
            Self::HandOver { .. } => "handed-over",
            _ => match self.status() {
                Some(status) => status,
                None => "changed",
            },
        }
    }

    /// What must be said with it, where anything must.
    const fn lack(&self) -> Option<&'static str> {
        match self {
            Self::Suppress { .. } => Some("say why it is to be suppressed"),
            Self::FalsePositive => Some("say why it is a false positive"),
            Self::HandOver { .. } => Some("say why it is the other team's turn"),
            Self::Note => Some("a note has words"),
            _ => None,
        }
    }
}

/// Does it to the finding whose id begins so, and gives its whole id and what was before. What `role` may not is refused.
///
/// # Errors
/// Where there is no such finding, or several; where a reason is missing, or a suppression is over before it begins; where the
/// finding is over and would have to be open; where it is the other team's turn.
pub fn act(
    dir: &Path,
    id: &str,
    act: &Act,
    (by, role): (&By<'_>, Role),
    note: Option<&str>,
) -> Result<(String, String), Trouble> {
    let refused = |why: String| Err(Trouble::Refused(why));
    let note = note.map(str::trim).filter(|note| !note.is_empty());
    if let Some(lack) = act.lack().filter(|_| note.is_none()) {
        return refused(lack.to_owned());
    }
    if note.is_some_and(|note| note.len() > NOTE_BYTES_MAX) {
        return refused(format!("a note has {NOTE_BYTES_MAX} bytes at most"));
    }
    if matches!(act, Act::Suppress { until } if *until <= by.at) {
        return refused("a suppression must end in the future".to_owned());
    }
    if matches!(act, Act::Assign { to: Some(to) } if to.is_empty() || to.chars().count() > NAME_LETTERS_MAX) {
        return refused(format!("a name has 1 to {NAME_LETTERS_MAX} letters"));
    }
    let id = match Reader::open(dir)?.finding(id)? {
        Some(found) => found.id,
        None => return refused(format!("no finding, or more than one, has an id that begins with {id:?}")),
    };
    let mut db = connect(dir, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let step = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let before = done(&step, &id, act, (by, role), note)?;
    step.commit()?;
    Ok((id, before))
}

/// Writes it, and gives what was before.
fn done(
    step: &Connection,
    id: &str,
    act: &Act,
    (by, role): (&By<'_>, Role),
    note: Option<&str>,
) -> Result<String, Trouble> {
    let refused = |why: String| Err(Trouble::Refused(why));
    let Some(stands) = read::stands(step, id)? else { return refused(format!("{id} is not there any more")) };
    if role == Role::Viewer || *act != Act::Note && !role.acts_for(&stands.turn) {
        let why = "it is the other team's turn: only they act on it, others leave notes";
        return Err(Trouble::Forbidden(
            if role == Role::Viewer { "viewers change nothing" } else { why }.to_owned(),
        ));
    }
    if stands.is_over && matches!(act, Act::Acknowledge | Act::Begin | Act::Reopen | Act::HandOver { .. }) {
        return refused(format!("{id} is over; if it comes again it opens by itself"));
    }
    let told = |before: &str, after: Option<&str>| {
        audit(
            step,
            by,
            act.name(),
            Changed { finding: Some(id), before: Some(before).filter(|it| !it.is_empty()), after, note },
        )
    };
    match act {
        Act::Note => told("", None)?,
        Act::Assign { to } => {
            step.execute("UPDATE findings SET assigned = ?2 WHERE id = ?1", params![id, to])?;
            told(stands.assigned.as_deref().unwrap_or_default(), to.as_deref())?;
        }
        Act::HandOver { to } if stands.turn == to.name() => {
            return refused("it is that team's turn already".to_owned());
        }
        Act::HandOver { to } => {
            step.execute(
                "UPDATE findings SET turn = nullif(?2, owner), assigned = NULL WHERE id = ?1",
                params![id, to.name()],
            )?;
            told(&stands.turn, Some(to.name()))?;
        }
        _ => {
            let status = act.status().unwrap_or("new");
            let expires = if let Act::Suppress { until } = act { Some(until.0) } else { None };
            let reason = note.filter(|_| act.lack().is_some());
            step.execute(
                "UPDATE findings SET status = ?2, status_at = ?3, status_by = ?4, status_count = count, reason = ?5,
                 expires = ?6 WHERE id = ?1",
                params![id, status, by.at.0, by.who, reason, expires],
            )?;
            told(&stands.status, Some(status))?;
        }
    }
    Ok(stands.status)
}

/// Of a note.
const NOTE_BYTES_MAX: usize = 4_096;
const NAME_LETTERS_MAX: usize = 64;
