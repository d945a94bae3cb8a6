//! Asks the running agent, and says plainly when there is none.

use std::io::ErrorKind;
use std::path::Path;

use super::screen::Screen;
use crate::daemon::control;
use crate::daemon::paths;
use crate::daemon::request::{Done, Request};
use crate::engine::status::Report;
use crate::model::exit;

/// The report of the running agent.
///
/// # Errors
/// An exit code, after the reason was printed.
pub fn report(screen: &Screen, state: Option<&Path>) -> Result<Report, u8> {
    let answer = request(screen, state, &Request::Status)?;
    serde_json::from_str(&answer).map_err(|error| {
        screen.err(&format!(
            "the agent's answer is not understood ({error}); is it of another version?"
        ));
        exit::FAILED
    })
}

/// Asks for something to be done; prints what became of it.
#[must_use]
pub fn order(screen: &Screen, state: Option<&Path>, order: &Request) -> u8 {
    match request(screen, state, order) {
        Err(code) => code,
        Ok(answer) => match serde_json::from_str::<Done>(&answer) {
            Ok(done) if done.done => {
                screen.out(&done.text);
                exit::DONE
            }
            Ok(done) => {
                screen.err(&done.text);
                done.code
            }
            Err(error) => {
                screen.err(&format!("the agent's answer is not understood: {error}"));
                exit::FAILED
            }
        },
    }
}

fn request(screen: &Screen, state: Option<&Path>, request: &Request) -> Result<String, u8> {
    let paths = paths::sockets_to_try(state);
    control::request(&paths, request).map_err(|error| {
        let places: Vec<String> = paths.iter().map(|p| p.display().to_string()).collect();
        let places = places.join(", ");
        let (code, text) = match error.kind() {
            ErrorKind::NotFound | ErrorKind::ConnectionRefused => (
                exit::NO_AGENT,
                format!(
                    "no agent is running (looked at {places}); start it with `systemctl start \
                     hostwatch` or `hostwatch run`, or name its directory with `--state DIR`"
                ),
            ),
            ErrorKind::PermissionDenied => (
                exit::NO_PRIVILEGE,
                format!("not allowed to talk to the agent at {places}; try it with sudo"),
            ),
            _ => (exit::FAILED, format!("the agent does not answer: {error}")),
        };
        screen.err(&text);
        code
    })
}
