//! Names of things: a check, an instance, and the id `check:instance` that people type.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// `check:instance`, for example `filesystem:/data`. Stable across restarts; what people type.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Id {
    /// Name of the check, a key below `checks:` in the configuration.
    pub check: Arc<str>,
    /// The one thing that is judged: a mount point, a link, a disk.
    pub instance: Arc<str>,
}

impl Id {
    /// Joins the name of a check and of an instance.
    pub fn new(check: impl Into<Arc<str>>, instance: impl Into<Arc<str>>) -> Self {
        Self { check: check.into(), instance: instance.into() }
    }

    /// Splits `check:instance` at the first colon; check names hold none, instances may.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (check, instance) = text.split_once(':')?;
        (!check.is_empty() && !instance.is_empty()).then(|| Self::new(check, instance))
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.check, self.instance)
    }
}

/// Who this host is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostIdentity {
    /// Short name, used in subjects: `db03`.
    pub name: String,
    /// Full name, used in bodies, Message-IDs and EHLO: `db03.example.net`.
    pub fqdn: String,
    /// Time zone for mails and tables: `local` or an IANA name.
    pub timezone: String,
    /// Labels from the configuration.
    pub labels: BTreeMap<String, String>,
}
