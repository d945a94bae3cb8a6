//! What was gathered about a change when it happened: who is behind it, how much, and since when
//! it has been coming. Owns the form alone; who gathers it and who shows it are other rooms.

use serde::{Deserialize, Serialize};

/// Everything that was gathered about one change.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// One sentence that follows from the numbers: `at +14 GiB/h full in about 3 h`. May be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub outlook: String,
    /// Lists under a heading, the most useful first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sections: Vec<Section>,
    /// The metric over the time before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trend: Option<Trend>,
}

impl Evidence {
    /// Whether there is nothing to show.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// One list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Section {
    /// What is listed, over which time, and how much of it could be seen: `Largest growth in the
    /// last 24 h (96% of the files seen)`.
    pub heading: String,
    /// Its lines, the largest first.
    pub rows: Vec<Row>,
}

/// One line of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// How much, with its unit: `61 GiB`, `64%`. May be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub amount: String,
    /// Of what. Names in it are as the system has them: they are cleaned where they are shown.
    pub text: String,
}

/// The metric over the time before the change, for eyes and for a reader without pictures.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trend {
    /// In words and characters, one line of at most 70 columns of ASCII: `Last 24 h: 76% -> 92%
    /// ..,,--==++##   (peak now)`.
    pub line: String,
    /// What the picture shows, for who cannot see it: `Used space of /data, 24 h: 76% rising to
    /// 92%, limit 90%`.
    pub alt: String,
    /// The picture, a PNG in base64 without line ends. Empty where there is none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub png: String,
}
