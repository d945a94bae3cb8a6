//! Section `bmc` to the way to the BMC as run. Pure.

use super::address::endpoint;
use super::code::Code;
use super::diagnostic::{Diagnostic, Findings};
use super::file::{Bmc, Config};
use super::plan::{BmcPlan, LanPlan};
use super::resolve::Input;
use super::secret;
use crate::store::secret::Secret;

/// Passwords of IPMI 2.0 (section 22.30).
const PASSWORD_BYTES: usize = 20;

pub(super) fn bmc(config: &Config, input: &Input<'_>, findings: &mut Findings) -> BmcPlan {
    let Some(section) = config.bmc.as_ref().map(|at| &at.value) else { return BmcPlan::default() };
    // Read although it is switched off: a mistake in it is told before somebody needs it.
    let way = way(section, input, findings);
    let off = section.enabled.as_ref().is_some_and(|enabled| !enabled.value);
    if off { BmcPlan::Off } else { way }
}

fn way(section: &Bmc, input: &Input<'_>, findings: &mut Findings) -> BmcPlan {
    let written = |key: &str| {
        let section = input.merged.entry("bmc");
        section.is_some_and(|section| section.value.entry(key).is_some())
    };
    let read = [
        ("host", section.host.is_some()),
        ("user", section.user.is_some()),
        ("password", section.password.is_some()),
    ];
    // What could not be read has its error already, and says nothing of the others.
    if read.iter().any(|(key, read)| !read && written(key)) {
        return BmcPlan::InBand;
    }
    let Some(server) = &section.host else {
        only_over_lan(section, input, findings);
        return BmcPlan::InBand;
    };
    if section.user.is_none() && section.password.is_none() {
        findings.push(
            Diagnostic::error(Code::Missing, server.spot, "`host` without `user` and `password`")
                .label("a BMC answers nobody without them")
                .help("add `user: NAME, password: {credential: NAME}`"),
        );
    }
    let pair = secret::pair(section.user.as_ref(), section.password.as_ref(), findings);
    let (Ok((host, port)), Some((user, password))) = (endpoint(&server.value.0), pair) else {
        return BmcPlan::InBand;
    };
    let Some(kept) = secret::kept(password, input, findings) else { return BmcPlan::InBand };
    if let Secret::Literal(text) = &kept
        && text.len() > PASSWORD_BYTES
    {
        findings.push(
            Diagnostic::error(Code::Text, password.spot, "this password is too long for a BMC")
                .label(format!("at most {PASSWORD_BYTES} bytes")),
        );
    }
    BmcPlan::Lan(LanPlan {
        host,
        port,
        user: user.value.0.clone(),
        password: kept,
        privilege: section.privilege.as_ref().map(|at| at.value.0).unwrap_or_default(),
        suite: section.cipher.as_ref().map(|at| at.value.0),
    })
}

/// Keys that mean nothing in-band.
fn only_over_lan(section: &Bmc, input: &Input<'_>, findings: &mut Findings) {
    let keys = [
        ("user", section.user.as_ref().map(|at| at.spot)),
        ("password", section.password.as_ref().map(|at| at.spot)),
        ("privilege", section.privilege.as_ref().map(|at| at.spot)),
        ("cipher", section.cipher.as_ref().map(|at| at.spot)),
    ];
    // The default of `privilege` stands in no file.
    for (key, spot) in keys {
        let Some(spot) = spot.filter(|spot| input.is_admin(*spot)) else { continue };
        findings.push(
            Diagnostic::error(Code::Exclusive, spot, format!("`{key}` is only for a `host`"))
                .label("has no meaning in-band")
                .help("add `host: ADDRESS` to ask the BMC over the network, or remove this"),
        );
    }
}
