//! LSI host adapters with integrated mirrors: `sas2ircu` and `sas3ircu`. Owns: the questions, and
//! what the words mean.

use super::controller::items;
use super::pci::Device;
use super::vendor::{Answer, Ask, Vendor, refused};
use super::words::{Means, Words};
use crate::model::reading::ProbeError;
use crate::parse::ircu;

const TOOLS: &[&[&str]] = &[&["sas2ircu"], &["sas3ircu"]];

pub(super) static IRCU: Vendor = Vendor::new("ircu", TOOLS, is_ours, ask);

/// Drivers of these adapters.
fn is_ours(device: &Device) -> bool {
    matches!(device.driver.as_str(), "mpt2sas" | "mpt3sas" | "mptsas")
}

pub(super) static WORDS: Words = Words {
    technology: "ircu",
    drives: "drives",
    controller: &[],
    volume: &[
        ("oky", Means::Good),
        ("opt", Means::Good),
        ("dgd", Means::Degraded),
        ("pdgd", Means::Degraded),
        ("rbld", Means::Rebuilding),
        ("rblg", Means::Rebuilding),
        ("init", Means::Note("being initialised")),
        ("inactive, okay", Means::Note("")),
        ("ioky", Means::Note("not active")),
        ("idgd", Means::Bad("degraded and not active")),
        ("mis", Means::Failed),
        ("miss", Means::Failed),
        ("fld", Means::Failed),
        ("fail", Means::Failed),
        ("fai", Means::Failed),
    ],
    volume_facts: &[(
        "Volume state",
        // What `display` says in other words; only what it does not say counts here.
        &[
            ("optimal", Means::Good),
            ("degraded", Means::Good),
            ("failed", Means::Good),
            ("missing", Means::Good),
            ("rebuilding", Means::Good),
            ("partially optimal", Means::Note("")),
            ("inactive", Means::Note("")),
            ("initializing", Means::Note("")),
        ],
    )],
    drive: &[
        ("opt", Means::Good),
        ("onl", Means::Good),
        ("rdy", Means::Unused),
        ("avl", Means::Unused),
        ("hsp", Means::Spare),
        ("sby", Means::Unused),
        ("rbld", Means::Rebuilding),
        ("rbd", Means::Rebuilding),
        ("out of sync", Means::Rebuilding),
        ("osy", Means::Rebuilding),
        ("dgd", Means::Failed),
        ("fld", Means::Failed),
        ("fai", Means::Failed),
        ("mis", Means::Missing),
    ],
    part: &[],
};

fn ask(tools: &dyn Ask) -> Result<Answer, ProbeError> {
    let mut answer = Answer::default();
    let mut absent = None;
    let mut asked = false;
    for names in TOOLS {
        let list = match tools.ask(names, &["list"]) {
            Ok(list) => list,
            Err(error @ ProbeError::Absent(_)) => {
                absent = Some(error);
                continue;
            }
            Err(error) => return Err(error),
        };
        asked = true;
        let numbers = ircu::adapters(&list.stdout);
        if numbers.is_empty() {
            answer.refusal = refused(names, &list, &["adapter", "controller"])?.refusal;
        }
        for number in numbers {
            let text = number.to_string();
            let display = tools.ask(names, &[&text, "display"])?;
            let Some(mut one) = ircu::display(number, &display.stdout) else { continue };
            // The two tools number the adapters of their own generation each from 0.
            if names.contains(&"sas3ircu") {
                one.name = format!("ir3-{number}");
            }
            if !one.volumes.is_empty() {
                ircu::status(&mut one, &tools.ask_more(names, &[&text, "status"]));
            }
            answer.items.extend(items(&WORDS, &one));
        }
    }
    match (asked, absent) {
        (false, Some(error)) => Err(error),
        _ => Ok(answer),
    }
}
