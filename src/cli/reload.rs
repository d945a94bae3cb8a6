//! `hostwatch reload`: makes the running agent read its configuration again.

use super::args::Connect;
use super::ask;
use super::screen::Screen;
use crate::daemon::request::Request;

/// Orders the reload and prints what became of it.
#[must_use]
pub fn run(screen: &Screen, asked: &Connect) -> u8 {
    ask::order(screen, asked.state.as_deref(), &Request::Reload)
}
