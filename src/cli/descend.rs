//! `hostwatch become`: the hidden command that gives up its rights and becomes a hook's program.
//!
//! Knows no event and no configuration: user and program are its arguments.

use std::ffi::OsString;

use super::screen::Screen;
use crate::notify::descent;

/// `sysexits.h`: try again later. What stands in the way can be put right while the event waits.
const TEMPORARY: u8 = 75;

/// Becomes the program; comes back only when that cannot be.
#[must_use]
pub fn run(screen: &Screen, user: &str, argv: &[OsString]) -> u8 {
    screen.err(&descent::descend(user, argv));
    TEMPORARY
}
