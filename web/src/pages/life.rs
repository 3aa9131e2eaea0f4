//! What people made of a finding, and what they can do with it: a part of its page.

use spanwatch_appliance::access::{Role, Team};
use spanwatch_appliance::store::read::AuditRow;
use spanwatch_engine::report::{Finding, time};

use crate::access::Here;
use crate::words::{self, Shown};
use crate::{Picture, Site};

/// Ready to be read, and to be answered.
pub struct Life {
    pub status: &'static str,
    pub since: Option<(Shown, String)>,
    pub reason: Option<Shown>,
    pub expires: Option<String>,
    pub assigned: Option<Shown>,
    /// Whose turn the analysis says it is, where people say another.
    pub first_turn: Option<&'static str>,
    pub history: Vec<Entry>,
    /// Where acts are sent to.
    pub act: String,
    pub csrf: String,
    pub can: Can,
    /// Why the last act was not done.
    pub refused: Option<String>,
}

/// What who looks can do, and what makes sense.
pub struct Can {
    pub note: bool,
    /// Change it: it is his team's turn, or nobody's.
    pub act: bool,
    pub acknowledge: bool,
    pub begin: bool,
    pub settle: bool,
    pub reopen: bool,
    /// The teams that it can be handed to, by word and name.
    pub hand_over: Vec<(&'static str, &'static str)>,
    /// Whom it can be given to.
    pub people: Vec<Shown>,
    /// Himself.
    pub me: Shown,
}

/// Something that somebody did.
pub struct Entry {
    pub at: String,
    pub who: Shown,
    pub what: Shown,
    pub change: Option<Shown>,
    pub note: Option<Shown>,
}

impl Life {
    /// Of a finding, for who looks; `None` where there is no store. Reads it, so that what was just done is seen.
    pub fn of(site: &Site, picture: &Picture, finding: &Finding, here: &Here) -> Option<Self> {
        let access = site.access()?;
        let standing = picture.standing(&finding.id);
        let status = picture.status(finding);
        let rows = access.desk.audit(Some(&finding.id), i64::MAX, ENTRIES_MAX).unwrap_or_default();
        let told = |at| words::moment(&time::rfc3339(at));
        Some(Self {
            status: words::status(status),
            since: standing.map(|it| (words::shown(&it.status_by), told(it.status_at))),
            reason: standing.and_then(|it| it.reason.as_deref()).map(words::said),
            expires: standing.and_then(|it| it.expires).map(told),
            assigned: standing.and_then(|it| it.assigned.as_deref()).map(words::shown),
            first_turn: picture.first_turn(finding).map(words::turn),
            history: rows.iter().map(Entry::of).collect(),
            act: format!("/findings/{}/act", crate::lists::encoded(&finding.id)),
            csrf: here.who.csrf().to_owned(),
            can: Can::of(site, finding, (status, here)),
            refused: None,
        })
    }
}

impl Can {
    /// Of a finding that stands so, for who looks.
    pub fn of(site: &Site, finding: &Finding, (status, here): (&str, &Here)) -> Self {
        let role = here.who.role();
        let act = role.is_some_and(|role| role.acts_for(finding.owner));
        let is_over = finding.ended.is_some();
        let is_settled = matches!(status, "resolved" | "suppressed" | "false-positive");
        let users = site.access().filter(|_| act).and_then(|access| access.desk.users().ok());
        let people = users.unwrap_or_default().into_iter().filter(|it| it.role.acts_for(finding.owner));
        let teams = [Team::It, Team::PhysicalSecurity].map(Team::name).into_iter();
        Self {
            note: matches!(role, Some(Role::Operator(_) | Role::Admin)),
            act,
            acknowledge: act && !is_over && status == "new",
            begin: act && !is_over && matches!(status, "new" | "acknowledged"),
            settle: act && !is_settled,
            reopen: act && !is_over && is_settled,
            hand_over: if act && !is_over {
                teams.filter(|it| *it != finding.owner).map(|it| (it, words::turn(it))).collect()
            } else {
                Vec::new()
            },
            people: people.map(|it| words::shown(&it.name)).collect(),
            me: words::shown(here.who.name()),
        }
    }
}

impl Entry {
    /// Of a row of the audit.
    pub fn of(row: &AuditRow) -> Self {
        let name = |word: &str| match Team::named(word) {
            Some(team) => words::turn(team.name()).to_owned(),
            None => word.to_owned(),
        };
        let change = match (&row.before, &row.after) {
            (Some(before), Some(after)) => Some(format!("{} → {}", name(before), name(after))),
            (None, Some(after)) => Some(name(after)),
            (Some(before), None) => Some(format!("{} → nobody", name(before))),
            (None, None) => None,
        };
        Self {
            at: words::moment(&time::rfc3339(row.at)),
            who: words::shown(&row.who),
            what: words::shown(words::done(&row.what)),
            change: change.as_deref().map(words::shown),
            note: row.note.as_deref().map(words::said),
        }
    }
}

/// Of one finding; all are in the audit.
const ENTRIES_MAX: u32 = 100;
