//! Hooks: what a contact has told beside mail, a web address or a program. Plain data; serialised
//! for the delivery child's standard input, as the ways of mail are.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::text::shown;
use crate::net::route::{Route, origin};
use crate::store::secret::Secret;

/// One hook of a contact. A contact has at most one of each kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hook {
    /// A web address that each event is posted to.
    Webhook(Box<Webhook>),
    /// A program that is started for each event.
    Program(Program),
}

impl Hook {
    /// The recipient of its events: `webhook:phone`. The colon keeps it apart from every mail
    /// address; the contact's name, so that each hook has an order and a pause of its own.
    #[must_use]
    pub fn recipient(&self, contact: &str) -> String {
        match self {
            Self::Webhook(_) => format!("webhook:{contact}"),
            Self::Program(_) => format!("exec:{contact}"),
        }
    }
}

impl fmt::Display for Hook {
    /// In words, without what may be a secret: `ntfy at https://ntfy.example.net`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Webhook(webhook) => {
                let preset = match webhook.preset {
                    Preset::Json => "webhook",
                    Preset::Ntfy => "ntfy",
                    Preset::Slack => "chat",
                    Preset::Pagerduty => "pager",
                };
                write!(f, "{preset} at {}", shown(origin(&webhook.url)))
            }
            Self::Program(program) => {
                write!(f, "program {}", shown(program.argv.first().map_or("", String::as_str)))
            }
        }
    }
}

/// A web address that events are posted to.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhook {
    /// `https://HOST[:PORT]/PATH`, or `http://`.
    pub url: String,
    /// What the body looks like.
    pub preset: Preset,
    /// Sent as `Authorization: Bearer`; read by the parent just before a delivery.
    pub token: Option<Secret>,
    /// The routing key of a pager, sent in the body; read likewise.
    pub key: Option<Secret>,
    /// Further header lines.
    pub headers: Vec<(String, String)>,
    /// Whom to believe, and by which way to go.
    pub route: Route,
}

impl fmt::Debug for Webhook {
    /// Without the path and the headers: with many services they are the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Webhook {{ {:?} at {} ... }}", self.preset, origin(&self.url))
    }
}

/// What is posted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Preset {
    /// The event itself.
    #[default]
    Json,
    /// A push message of ntfy.
    Ntfy,
    /// A chat message that Slack, Mattermost and Rocket.Chat understand.
    Slack,
    /// An event of PagerDuty's events API, version 2.
    Pagerduty,
}

/// A program that is started for each event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// Absolute path and arguments.
    pub argv: Vec<String>,
    /// Whom it runs as; `None` is [`NOBODY`] where the agent is root, else the agent's own user.
    pub user: Option<String>,
    /// Which attempt with the same event this is, from 1.
    #[serde(default)]
    pub attempt: u32,
}

/// The user without rights of its own.
pub const NOBODY: &str = "nobody";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_what_may_be_a_secret() {
        let url = "https://hooks.example.net:8443/T0/B0/s3cret?token=x";
        let webhook = Webhook {
            url: url.to_owned(),
            preset: Preset::Slack,
            token: Some(Secret::Literal("s3cret".to_owned())),
            key: None,
            headers: vec![("X-Key".to_owned(), "s3cret".to_owned())],
            route: Route::default(),
        };
        let hook = Hook::Webhook(Box::new(webhook));
        assert_eq!(hook.to_string(), "chat at https://hooks.example.net:8443");
        assert_eq!(hook.recipient("phone"), "webhook:phone");
        assert!(!format!("{hook:?}").contains("s3cret"), "{hook:?}");
    }
}
