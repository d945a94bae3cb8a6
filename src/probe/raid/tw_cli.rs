//! 3ware: `tw_cli`. Owns: the questions, and what the words mean.

use super::controller::items;
use super::pci::Device;
use super::vendor::{Answer, Ask, Vendor, refused};
use super::words::{Means, Words};
use crate::model::reading::ProbeError;
use crate::parse::tw_cli;

const TW_CLI: &[&str] = &["tw_cli", "tw-cli"];

pub(super) static THREE_WARE: Vendor = Vendor::new("3ware", &[TW_CLI], is_ours, ask);

fn is_ours(device: &Device) -> bool {
    device.vendor == 0x13c1 || device.driver == "3w-sas"
}

pub(super) static WORDS: Words = Words {
    technology: "3ware",
    drives: "drives",
    controller: &[],
    volume: &[
        ("ok", Means::Good),
        ("verifying", Means::Good),
        ("verify-paused", Means::Good),
        ("initializing", Means::Note("")),
        ("initializing-paused", Means::Note("")),
        ("migrating", Means::Note("")),
        ("migrate-paused", Means::Note("")),
        ("rebuilding", Means::Rebuilding),
        ("rebuild-init", Means::Rebuilding),
        ("rebuild-verify", Means::Rebuilding),
        ("rebuild-paused", Means::Degraded),
        ("degraded", Means::Degraded),
        ("inoperable", Means::Failed),
        ("failed", Means::Failed),
    ],
    volume_facts: &[],
    drive: &[
        ("ok", Means::Good),
        ("verifying", Means::Good),
        ("initializing", Means::Note("")),
        ("migrating", Means::Note("")),
        ("spare", Means::Spare),
        ("rebuilding", Means::Rebuilding),
        // Of a drive: it is being rebuilt, or was dropped.
        ("degraded", Means::Failed),
        ("smart-error", Means::Warn("replace it soon")),
        ("smart-failure", Means::Warn("replace it soon")),
        ("ecc-error", Means::Warn("some blocks could not be read")),
        ("device-error", Means::Failed),
        ("drive-removed", Means::Missing),
        ("inoperable", Means::Failed),
        ("failed", Means::Failed),
    ],
    part: &[(
        "State",
        &[
            ("ok", Means::Good),
            ("testing", Means::Note("")),
            ("charging", Means::Note("")),
            ("weakbat", Means::Warn("replace it soon")),
            ("fault", Means::Warn("replace it")),
            ("failed", Means::Warn("replace it")),
            ("error", Means::Warn("replace it")),
        ],
    )],
};

fn ask(tools: &dyn Ask) -> Result<Answer, ProbeError> {
    let output = tools.ask(TW_CLI, &["show"])?;
    let mut controllers = tw_cli::controllers(&output.stdout);
    if controllers.is_empty() {
        return refused(TW_CLI, &output, &["controller", "ctl"]);
    }
    for one in &mut controllers {
        let path = format!("/{}", one.name);
        tw_cli::units(one, &tools.ask_more(TW_CLI, &[&path, "show", "unitstatus"]));
        tw_cli::drives(one, &tools.ask_more(TW_CLI, &[&path, "show", "drivestatus"]));
    }
    let items = controllers.iter().flat_map(|one| items(&WORDS, one)).collect();
    Ok(Answer { items, refusal: None })
}
