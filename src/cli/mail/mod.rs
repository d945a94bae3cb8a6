//! `hostwatch mail`: proves the mail path, shows the outbox.

use std::path::Path;

use super::args::MailCommand;
use super::ask;
use super::screen::Screen;
use crate::daemon::request::Request;
use crate::daemon::test_mail::Asked;
use crate::model::exit;
use crate::model::text::{counted, shown};

pub(super) mod local;
pub(super) mod test;

/// Does what was asked about mail.
#[must_use]
pub fn run(screen: &Screen, asked: &MailCommand) -> u8 {
    match asked {
        MailCommand::Test { contact, config, json, connect } => {
            let asked = Asked {
                contact: contact.as_deref(),
                config: config.as_deref(),
                state: connect.state.as_deref(),
            };
            test::run(screen, asked, *json)
        }
        MailCommand::Queue { json, connect } => queue(screen, *json, connect.state.as_deref()),
        MailCommand::Flush(connect) => {
            ask::order(screen, connect.state.as_deref(), &Request::Flush)
        }
    }
}

fn queue(screen: &Screen, json: bool, state: Option<&Path>) -> u8 {
    let report = match ask::report(screen, state) {
        Ok(report) => report,
        Err(code) => return code,
    };
    if json {
        screen.out(&serde_json::to_string(&report.mail).unwrap_or_default());
        return exit::DONE;
    }
    screen.out(&format!("way out  {}", report.mail.via.join(", then ")));
    screen.out(&format!("sent     {} since the agent started", report.mail.sent));
    if report.mail.waiting.is_empty() {
        screen.out("waiting  nothing");
    }
    for mail in &report.mail.waiting {
        screen.out(&format!("waiting  #{} {}", mail.id, shown(&mail.subject)));
        screen.out(&format!(
            "         to {}, {}, next in {}",
            shown(&mail.recipients.join(", ")),
            counted(mail.attempts as usize, "attempt", "attempts"),
            mail.next_in
        ));
        if let Some(answer) = &mail.last_answer {
            screen.out(&format!("         {}", shown(answer)));
        }
    }
    for refused in &report.mail.refused {
        screen.out(&format!("refused  {}", shown(refused)));
    }
    exit::DONE
}
