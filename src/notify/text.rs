//! The words of a mail: subject and body from notices. Pure.

use crate::model::id::HostIdentity;
use crate::model::state::State;
use crate::model::time::Now;
use crate::notify::contact::Contact;
use crate::notify::mail::{Mail, MailId};
use crate::notify::notice::Notice;

/// What every mail of this host shares.
#[derive(Debug, Clone)]
pub struct Letterhead {
    /// Who this host is.
    pub host: HostIdentity,
    /// Header and default envelope sender.
    pub from: String,
    /// Envelope sender where it differs.
    pub envelope_from: Option<String>,
    /// Other problems open on this host now, a line each, and the count of instances that are ok.
    pub also_bad: Vec<(State, String)>,
    /// Instances that are ok.
    pub ok_count: usize,
}

/// Composes one mail for one contact from one or many notices (at least one).
#[must_use]
pub fn compose(
    head: &Letterhead,
    contact_name: &str,
    contact: &Contact,
    notices: &[Notice],
    id: MailId,
    now: Now,
) -> Mail {
    let _ = (head, notices);
    Mail {
        id,
        contact: contact_name.to_owned(),
        message_id: format!("<stub.{}@localhost>", id.0),
        subject: notices.iter().map(|n| n.fact.as_str()).collect::<Vec<_>>().join("; "),
        from: head.from.clone(),
        recipients: contact.mail.clone(),
        bytes: String::new(),
        made: now.moment,
        made_wall: now.wall,
    }
}
