//! `hostwatch run`: the agent, in the foreground.

use super::args::Run;
use super::screen::Screen;
use crate::daemon::start::{self, Options};
use crate::model::exit;

/// Runs until a signal ends it.
#[must_use]
pub fn run(screen: &Screen, asked: &Run) -> u8 {
    let options = Options {
        config: asked.config.clone(),
        state: asked.state.clone(),
        quiet: asked.quiet,
        root: asked.root.clone(),
    };
    match start::run(&options) {
        Ok(()) => exit::DONE,
        Err(refusal) => {
            screen.err(&refusal.text);
            refusal.code
        }
    }
}
