//! Who may use the pages and the API: roles, passwords, secrets, and the certificate that is shown.
//!
//! Who they are is in the store (`store/users.rs`); how they come in is the web's (`web/src/access`).

pub mod certificate;
pub mod password;
pub mod secret;

use std::fmt;

/// What somebody may do; each may what those before may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Sees everything, changes nothing.
    Viewer,
    /// Acts on findings whose turn it is his team's, or nobody's yet.
    Operator(Team),
    /// Acts on all findings, and says who may do what.
    Admin,
}

/// One of the two whose turn it can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Team {
    /// The network's people.
    It,
    /// The cameras' people.
    PhysicalSecurity,
}

impl Team {
    /// As a finding's owner has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::It => "it",
            Self::PhysicalSecurity => "physical-security",
        }
    }

    /// The team of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::It, Self::PhysicalSecurity].into_iter().find(|team| team.name() == name)
    }
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::Viewer, Self::Operator(Team::It), Self::Operator(Team::PhysicalSecurity), Self::Admin];

    /// The word that stands for it: `viewer`, `operator-it`, `operator-physical-security`, `admin`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator(Team::It) => "operator-it",
            Self::Operator(Team::PhysicalSecurity) => "operator-physical-security",
            Self::Admin => "admin",
        }
    }

    /// The role of a word.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }

    /// Whether he may act on a finding whose turn is `owner`'s.
    #[must_use]
    pub fn acts_for(self, owner: &str) -> bool {
        match self {
            Self::Viewer => false,
            Self::Operator(team) => owner == team.name() || owner == "unknown",
            Self::Admin => true,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_its_word() {
        for role in Role::ALL {
            assert_eq!(Role::named(role.name()), Some(role));
        }
        assert_eq!((Role::named("root"), Team::named("unknown")), (None, None));
    }

    #[test]
    fn an_operator_acts_for_his_team_and_where_it_is_nobodys_turn_yet() {
        let it = Role::Operator(Team::It);
        assert!(it.acts_for("it") && it.acts_for("unknown") && !it.acts_for("physical-security"));
        assert!(Role::Admin.acts_for("physical-security") && !Role::Viewer.acts_for("unknown"));
    }
}
