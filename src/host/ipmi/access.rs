//! How a BMC is reached: plain data, handed as JSON to the process that asks.

use std::fmt;

use serde::{Deserialize, Serialize};

/// UDP port of a BMC (IPMI 2.0 section 13.1.2).
const PORT: u16 = 623;

/// The way to the BMC.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Access {
    /// This machine's own, through the kernel's device file: no password, no network.
    #[default]
    InBand,
    /// Over the network, RMCP+ of IPMI 2.0.
    Lan(Lan),
    /// Not at all: there is a BMC or not, and nobody asks it.
    Off,
    /// It should be asked and cannot be: why, for people (the password cannot be read).
    Unusable(String),
}

/// A BMC on the network, and who asks it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lan {
    /// Name or address (IPv4 or IPv6) of the BMC.
    pub host: String,
    /// Its UDP port.
    #[serde(default = "port")]
    pub port: u16,
    /// User of the BMC, at most 16 bytes; empty is its anonymous user.
    pub user: String,
    /// That user's password, at most 20 bytes.
    pub password: Password,
    /// What the session asks for. Everything on the allow-list is answered to a user.
    #[serde(default)]
    pub privilege: Privilege,
    /// The cipher suite; `None` tries 17, then 3.
    #[serde(default)]
    pub suite: Option<Suite>,
}

fn port() -> u16 {
    PORT
}

impl Lan {
    /// A BMC at its usual port, asked with a user's privilege and whichever suite it takes.
    #[must_use]
    pub fn new(host: impl Into<String>, user: impl Into<String>, password: Password) -> Self {
        Self {
            host: host.into(),
            port: PORT,
            user: user.into(),
            password,
            privilege: Privilege::User,
            suite: None,
        }
    }
}

impl fmt::Display for Lan {
    /// `10.0.0.7` or `[2001:db8::7]:6230`: where, not who.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.port, self.host.contains(':')) {
            (PORT, _) => f.write_str(&self.host),
            (port, true) => write!(f, "[{}]:{port}", self.host),
            (port, false) => write!(f, "{}:{port}", self.host),
        }
    }
}

/// A password that no debug output shows.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Password(pub String);

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(...)")
    }
}

/// Privilege of a session (IPMI 2.0 table 13-16).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Privilege {
    /// Reads what cannot be changed: enough for everything that this agent asks by the
    /// specification.
    #[default]
    User,
    /// For BMCs that answer some of it to operators alone.
    Operator,
    /// For BMCs that open sessions for administrators alone.
    Administrator,
}

impl Privilege {
    /// Its number in the protocol.
    #[must_use]
    pub const fn level(self) -> u8 {
        match self {
            Self::User => 2,
            Self::Operator => 3,
            Self::Administrator => 4,
        }
    }
}

impl fmt::Display for Privilege {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::User => "user",
            Self::Operator => "operator",
            Self::Administrator => "administrator",
        })
    }
}

/// Cipher suite (IPMI 2.0 table 22-20). Those without encryption, or with MD5 or RC4, are not
/// spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "u8", try_from = "u8")]
pub enum Suite {
    /// 3: HMAC-SHA1 and AES-128.
    Sha1,
    /// 17: HMAC-SHA256 and AES-128.
    Sha256,
}

impl From<Suite> for u8 {
    fn from(suite: Suite) -> Self {
        match suite {
            Suite::Sha1 => 3,
            Suite::Sha256 => 17,
        }
    }
}

impl TryFrom<u8> for Suite {
    type Error = String;

    fn try_from(number: u8) -> Result<Self, String> {
        match number {
            3 => Ok(Self::Sha1),
            17 => Ok(Self::Sha256),
            _ => Err(format!("cipher suite {number} is not spoken: 3 and 17 are")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lan() -> Lan {
        Lan::new("bmc.example.net", "watch", Password("hidden!".to_owned()))
    }

    #[test]
    fn no_debug_output_shows_the_password_and_json_carries_it() {
        let access = Access::Lan(Lan { suite: Some(Suite::Sha256), ..lan() });
        assert!(!format!("{access:?}").contains("hidden"));
        let json = serde_json::to_string(&access).unwrap();
        assert!(json.contains("hidden!") && json.contains(r#""suite":17"#), "{json}");
        assert_eq!(serde_json::from_str::<Access>(&json).unwrap(), access);
        let short = r#"{"lan":{"host":"bmc.example.net","user":"watch","password":"hidden!"}}"#;
        assert_eq!(serde_json::from_str::<Access>(short).unwrap(), Access::Lan(lan()));
        assert_eq!(serde_json::from_str::<Access>(r#""in_band""#).unwrap(), Access::InBand);
        assert!(serde_json::from_str::<Access>(&json.replace("17", "2")).is_err());
    }

    #[test]
    fn a_bmc_is_named_by_where_it_is() {
        assert_eq!(lan().to_string(), "bmc.example.net");
        let v6 = Lan { host: "2001:db8::7".to_owned(), port: 6230, ..lan() };
        assert_eq!(v6.to_string(), "[2001:db8::7]:6230");
        assert_eq!(Lan { port: 6230, ..lan() }.to_string(), "bmc.example.net:6230");
    }
}
