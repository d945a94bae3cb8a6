//! `hostwatch validate [FILE...]`: every mistake of the configuration, offline, changing nothing.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;

use crate::config::{self, Loaded};
use crate::daemon::reach;
use crate::host::Host;
use crate::model::id::HostIdentity;
use crate::model::text::counted;
use crate::probe::KINDS;

/// Exit code for a configuration that cannot be used (`EX_CONFIG`).
pub const BAD_CONFIG: u8 = 78;

/// What is asked for.
#[derive(Debug, Default)]
pub struct Request {
    /// None: what the agent would load. One: what it would load with `--config FILE`, `conf.d`
    /// beside it included. Several: these alone, laid over each other in this order.
    pub files: Vec<PathBuf>,
    /// One JSON object a line instead of drawings.
    pub json: bool,
    /// Draw in colour.
    pub color: bool,
}

/// Writes every mistake; gives the exit code, 0 or 78. `host` is looked at for what the checks
/// select; without one (another machine's configuration) nothing is said about that.
///
/// # Errors
/// When the output cannot be written.
pub fn run(
    request: &Request,
    identity: &HostIdentity,
    host: Option<&Host>,
    out: &mut dyn Write,
) -> io::Result<u8> {
    let mut loaded = load(&request.files, identity);
    if let (Some(plan), Some(host)) = (&loaded.plan, host) {
        let host = &host.clone().reaching(reach::access(&plan.bmc));
        let surveys: BTreeMap<_, _> = KINDS
            .iter()
            // What only a device can list is not known here.
            .filter(|kind| !kind.asks(host))
            .filter_map(|kind| Some((kind.spec().name, kind.survey(host).ok()?)))
            .collect();
        let more = config::lint(plan, &surveys);
        loaded.diagnostics.extend(more);
    }
    if request.json {
        out.write_all(loaded.diagnostics.json_lines().as_bytes())?;
    } else {
        out.write_all(loaded.diagnostics.render(request.color).as_bytes())?;
        writeln!(out, "{}", verdict(&loaded))?;
    }
    Ok(if loaded.plan.is_some() { 0 } else { BAD_CONFIG })
}

fn load(files: &[PathBuf], identity: &HostIdentity) -> Loaded {
    match files {
        [] => config::load(None, identity),
        [one] => config::load(Some(one), identity),
        several => config::load_files(several, identity),
    }
}

fn verdict(loaded: &Loaded) -> String {
    let Some(plan) = &loaded.plan else {
        return "the configuration cannot be used".to_owned();
    };
    format!(
        "the configuration is valid: {}, {}, {}",
        counted(plan.checks.len(), "check", "checks"),
        counted(plan.contacts.len(), "contact", "contacts"),
        match plan.mail.via.len() {
            0 => "mail goes out locally".to_owned(),
            n => counted(n, "way out for mail", "ways out for mail"),
        }
    )
}
