//! `hostwatch silence`: keeps mail about some ids back for a while, lists what is kept back, ends it.

use super::args::{Silence, SilenceCommand, When};
use super::ask;
use super::screen::Screen;
use crate::config::units;
use crate::daemon::request::Request;
use crate::engine::order::{Order, Until};
use crate::engine::status::Report;
use crate::model::exit;
use crate::model::text::shown;
use crate::notify::when::Zone;

/// Orders, or lists.
#[must_use]
pub fn run(screen: &Screen, asked: &Silence) -> u8 {
    let connect = match &asked.command {
        Some(SilenceCommand::List { connect, .. } | SilenceCommand::End { connect, .. }) => connect,
        None => &asked.connect,
    };
    let state = connect.state.as_deref();
    let order = match (&asked.command, &asked.id, &asked.reason) {
        (Some(SilenceCommand::List { json, .. }), ..) => {
            return match ask::report(screen, state) {
                Ok(report) => list(screen, &report, *json),
                Err(code) => code,
            };
        }
        (Some(SilenceCommand::End { id, .. }), ..) => Ok(Order::EndSilence { what: id.clone() }),
        (None, Some(id), Some(reason)) => until(&asked.when).map(|until| Order::Silence {
            what: id.clone(),
            until,
            reason: reason.clone(),
        }),
        (None, ..) => Err("name an id, until when and why; see `hostwatch silence --help`".into()),
    };
    send(screen, order, state)
}

/// Gives an order with who became root to give it, or says what was wrong with it.
pub fn send(screen: &Screen, order: Result<Order, String>, state: Option<&std::path::Path>) -> u8 {
    match order {
        Ok(order) => {
            let claim = std::env::var("SUDO_USER").ok();
            ask::order(screen, state, &Request::Order { order, claim })
        }
        Err(wrong) => {
            screen.err(&wrong);
            exit::USAGE
        }
    }
}

/// Until when, as typed; a time is read by the agent, in its zone.
///
/// # Errors
/// What is wrong with a duration, and what to write.
pub fn until(when: &When) -> Result<Until, String> {
    match (&when.duration, &when.until) {
        (Some(text), _) => match units::span(text) {
            Ok(span) => Ok(Until::For(span)),
            Err(wrong) => Err(format!("{}; {}", wrong.message, wrong.help)),
        },
        (None, Some(text)) => Ok(Until::At(text.clone())),
        (None, None) => Err("say until when: `--for 2h` or `--until 07:00`".to_owned()),
    }
}

fn list(screen: &Screen, report: &Report, json: bool) -> u8 {
    if json {
        screen.out(&serde_json::to_string(&report.silences).unwrap_or_default());
        return exit::DONE;
    }
    let zone = Zone::named("");
    let acks = report.instances.iter().filter_map(|instance| instance.ack.as_ref());
    for quiet in report.silences.iter().chain(acks) {
        let word = quiet.number.map_or_else(|| "ack".to_owned(), |n| format!("silence {n}"));
        let until = zone.soon(report.at, quiet.until);
        screen.out(&format!(
            "{word:<11} {}  until {until} by {}: {}",
            shown(&quiet.what),
            shown(&quiet.by),
            shown(&quiet.reason)
        ));
    }
    if report.silences.is_empty() {
        screen.out("nothing is silenced");
    }
    exit::DONE
}
