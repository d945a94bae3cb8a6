//! Asks the running kernel what both ends of each link can do.

use std::collections::HashMap;

use crate::host::Host;
use crate::host::netlink::{Family, Request, ask};
use crate::parse::linkmode::{
    GENL_ID_CTRL, LinkModes, family, family_request, modes, modes_request,
};

/// Modes by link. Nothing for recordings, on kernels before 5.6 and where a sandbox forbids it:
/// what a link could do is then not known.
pub(super) fn all(host: &Host) -> HashMap<String, LinkModes> {
    told(host).unwrap_or_default()
}

fn told(host: &Host) -> Option<HashMap<String, LinkModes>> {
    let body = family_request();
    let question = Request { kind: GENL_ID_CTRL, dump: false, body: &body };
    let answer = ask(host, Family::Generic, &question).ok()?;
    let kind = answer.iter().find_map(|message| family(&message.body))?;
    let body = modes_request();
    let answer = ask(host, Family::Generic, &Request { kind, dump: true, body: &body }).ok()?;
    Some(answer.iter().filter_map(|message| modes(&message.body)).collect())
}
