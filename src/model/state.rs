//! The four states and their order.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a check says of an instance. Four words, as monitoring plugins have them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// As it should be.
    #[default]
    Ok,
    /// Worth a look in working hours.
    Warning,
    /// Act now.
    Critical,
    /// Cannot be judged: no answer, no permission, no sense in the answer.
    Unknown,
}

impl State {
    /// Rank for "worst of": critical > unknown > warning > ok.
    #[must_use]
    pub fn rank(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Warning => 1,
            Self::Unknown => 2,
            Self::Critical => 3,
        }
    }

    /// The worse of two.
    #[must_use]
    pub fn worst(self, other: Self) -> Self {
        if other.rank() > self.rank() { other } else { self }
    }

    /// Exit code of `check` and `status`: 0 ok, 1 warning, 2 critical, 3 unknown.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Warning => 1,
            Self::Critical => 2,
            Self::Unknown => 3,
        }
    }

    /// `ok`, `warning`, `critical`, `unknown`: the stable word of JSON and configuration.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Critical => "critical",
            Self::Unknown => "unknown",
        }
    }

    /// `OK`, `WARN`, `CRIT`, `UNKN`: the short word of a mail's subject and of tables.
    #[must_use]
    pub fn short(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Warning => "WARN",
            Self::Critical => "CRIT",
            Self::Unknown => "UNKN",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}
