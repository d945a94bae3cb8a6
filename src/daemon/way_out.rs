//! Which way mail goes when the configuration names none: the local `sendmail`, else a Maildir. An
//! agent that may gain no rights cannot use a `sendmail` that lives by a set-id bit, and goes to the
//! mail server behind it, which takes mail on this machine from everybody.

use std::path::Path;

use super::local_mta;
use crate::config::plan::MailPlan;
use crate::notify::relay::{Relay, Smtp, TlsMode};

/// Where `sendmail` stands: FHS 3.0 names the first, older systems the second.
const SENDMAIL: [&str; 2] = ["/usr/sbin/sendmail", "/usr/lib/sendmail"];

/// The configured ways out, or those that this machine offers to a process that may or may not gain
/// rights.
#[must_use]
pub fn find(mail: &MailPlan, state_directory: &Path, gains_no_rights: bool) -> Vec<Relay> {
    if !mail.via.is_empty() {
        return mail.via.clone();
    }
    let Some(path) = SENDMAIL.iter().find(|path| local_mta::is_program(Path::new(path))) else {
        let path = state_directory.join("Maildir");
        return vec![Relay::Maildir { path: path.to_string_lossy().into_owned() }];
    };
    let sendmail = Relay::Sendmail { path: (*path).to_owned() };
    if gains_no_rights && local_mta::behind(Path::new("/"), path).set_id.is_some() {
        return vec![server_here(&mail.ehlo), sendmail];
    }
    vec![sendmail]
}

/// The mail server of this machine.
fn server_here(ehlo: &str) -> Relay {
    Relay::Smtp(Smtp {
        host: "localhost".to_owned(),
        port: 25,
        tls: TlsMode::Opportunistic,
        ca_file: None,
        fingerprint: None,
        ehlo: ehlo.to_owned(),
        login: None,
    })
}
