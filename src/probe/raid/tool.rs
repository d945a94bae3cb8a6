//! One question to a tool of the observed machine. Owns: what its exit and complaints mean.

use crate::host::Host;
use crate::host::command::{self, Ending, Limits};
use crate::model::reading::ProbeError;

/// What the first of `names` that is installed prints.
///
/// # Errors
/// Absent if none is installed, denied if it lacks rights, failed if it says so.
pub(super) fn ask(host: &Host, names: &[&str], arguments: &[&str]) -> Result<Vec<u8>, ProbeError> {
    let name = names.first().copied().unwrap_or_default();
    let Some(program) = command::find(host, names) else {
        return Err(ProbeError::Absent(format!("the tool `{name}` is not installed")));
    };
    let output = command::run(host, &program, arguments, Limits::default())?;
    if output.ending == Ending::Exit(0) {
        return Ok(output.stdout);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let line = said.lines().find(|line| !line.trim().is_empty()).unwrap_or_default().trim();
    let asked = format!("`{name} {}`", arguments.first().copied().unwrap_or_default());
    let lower = said.to_lowercase();
    let denied = ["permission denied", "not permitted", "be root", "superuser"];
    if denied.iter().any(|word| lower.contains(word)) {
        return Err(ProbeError::Denied(format!(
            "{asked} needs more rights than the agent has: {line}"
        )));
    }
    Err(ProbeError::Failed(format!("{asked} failed: {line}")))
}
