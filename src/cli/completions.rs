//! `hostwatch completions`: scripts for shells, from the same definition as `--help`.

use clap::CommandFactory;
use clap_complete::{generate, shells};

use super::args::{Arguments, Shell};
use super::screen::Screen;
use crate::model::exit;

/// Prints the script.
#[must_use]
pub fn run(screen: &Screen, shell: Shell) -> u8 {
    let mut command = Arguments::command();
    let mut script = Vec::new();
    match shell {
        Shell::Bash => generate(shells::Bash, &mut command, "hostwatch", &mut script),
        Shell::Zsh => generate(shells::Zsh, &mut command, "hostwatch", &mut script),
        Shell::Fish => generate(shells::Fish, &mut command, "hostwatch", &mut script),
    }
    screen.out(String::from_utf8_lossy(&script).trim_end());
    exit::DONE
}
