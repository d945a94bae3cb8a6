//! Broadcom (LSI) MegaRAID and Dell PERC: `storcli` and `perccli`, and `megacli` for what only it
//! finds. Owns: the questions, and what the words mean.

use super::controller::items;
use super::pci::Device;
use super::vendor::{Answer, Ask, Vendor, nonsense};
use super::words::{Means, NO_IS_GOOD, Words};
use crate::model::reading::ProbeError;
use crate::parse::controller::Controller;
use crate::parse::megacli;
use crate::parse::storcli::Answers;

const STORCLI: &[&str] = &["storcli64", "storcli"];
const PERCCLI: &[&str] = &["perccli64", "perccli"];
/// The same for the 9600 series, which the others do not see.
const STORCLI2: &[&str] = &["storcli2"];
const PERCCLI2: &[&str] = &["perccli2"];
const MEGACLI: &[&str] = &["megacli", "MegaCli64", "MegaCli", "megacli64", "MegaCLI64", "MegaCLI"];

pub(super) static MEGARAID: Vendor =
    Vendor::new("megaraid", &[STORCLI, PERCCLI, STORCLI2, PERCCLI2, MEGACLI], is_ours, ask);

fn is_ours(device: &Device) -> bool {
    matches!(device.vendor, 0x1000 | 0x1028) && device.driver != "3w-sas"
}

pub(super) const WORDS: Words = Words {
    technology: "megaraid",
    drives: "drives",
    controller: &[
        (
            "Controller Status",
            &[
                ("optimal", Means::Good),
                ("ok", Means::Good),
                ("na", Means::Good),
                ("n/a", Means::Good),
                ("needs attention", Means::Warn("see the drives and the battery")),
                ("degraded", Means::Warn("see the volumes and drives")),
                ("partially degraded", Means::Warn("see the volumes and drives")),
                ("failure", Means::Failed),
                ("failed", Means::Failed),
                ("fault", Means::Failed),
            ],
        ),
        (
            "Memory Uncorrectable Errors",
            &[("0", Means::Good), ("na", Means::Good), ("n/a", Means::Good)],
        ),
        (
            "Any Offline VD Cache Preserved",
            &[
                ("no", Means::Good),
                ("yes", Means::Warn("unwritten data of a lost volume waits in the cache")),
                ("na", Means::Good),
            ],
        ),
        (
            "Health",
            &[
                ("opt", Means::Good),
                ("optimal", Means::Good),
                ("ndatn", Means::Warn("needs attention: see the drives and the battery")),
                ("dgd", Means::Warn("see the volumes and drives")),
                ("fld", Means::Failed),
                ("failed", Means::Failed),
            ],
        ),
        (
            "Battery",
            &[
                ("opt", Means::Good),
                ("n/a", Means::Good),
                ("na", Means::Good),
                ("-", Means::Good),
                ("", Means::Good),
                // Many controllers are sold without one.
                ("msng", Means::Note("none installed")),
                ("chrg", Means::Note("charging")),
                ("learn", Means::Note("learning")),
                ("dgd", Means::Warn("replace it, or the write cache stays off")),
                ("fld", Means::Warn("replace it, or the write cache stays off")),
            ],
        ),
        (
            "Volumes that are not optimal",
            &[("no", Means::Good), ("yes", Means::Bad("`/call/vall show` names them"))],
        ),
        ("Controller has booted into safe mode", &[("no", Means::Good), ("yes", Means::Bad(""))]),
        ("Controller shutdown required", &[("no", Means::Good), ("yes", Means::Bad(""))]),
        ("Failed to get lock key on bootup", NO_IS_GOOD),
        ("Package Stamp Mismatch", NO_IS_GOOD),
        (
            "Enclosure ",
            &[
                ("ok", Means::Good),
                ("optimal", Means::Good),
                ("-", Means::Good),
                ("na", Means::Good),
                ("not installed", Means::Good),
                ("non-critical", Means::Warn("")),
                ("warning", Means::Warn("")),
                ("critical", Means::Bad("")),
                ("failed", Means::Bad("")),
                ("offline", Means::Bad("")),
            ],
        ),
    ],
    volume: &[
        ("optl", Means::Good),
        ("optimal", Means::Good),
        ("dgrd", Means::Degraded),
        ("degraded", Means::Degraded),
        ("pdgd", Means::Degraded),
        ("partially degraded", Means::Degraded),
        ("rec", Means::Rebuilding),
        ("recovery", Means::Rebuilding),
        ("ofln", Means::Failed),
        ("offln", Means::Failed),
        ("offline", Means::Failed),
        ("msng", Means::Failed),
        ("failed", Means::Failed),
    ],
    volume_facts: &[(
        "Access",
        &[
            ("rw", Means::Good),
            ("read/write", Means::Good),
            ("hd", Means::Note("hidden from the system")),
            ("ro", Means::Warn("read-only")),
            ("readonly", Means::Warn("read-only")),
            ("read only", Means::Warn("read-only")),
            ("trans", Means::Note("transport ready")),
            ("b", Means::Bad("blocked")),
            ("blocked", Means::Bad("")),
        ],
    )],
    drive: &[
        ("onln", Means::Good),
        ("online", Means::Good),
        ("jbod", Means::Good),
        ("conf", Means::Good),
        ("optl", Means::Good),
        // A host adapter's drive in an IR volume, or one that it says nothing of.
        ("-", Means::Good),
        ("", Means::Good),
        ("ugood", Means::Unused),
        ("ready", Means::Unused),
        ("rdy", Means::Unused),
        ("unconfigured(good)", Means::Unused),
        ("ghs", Means::Spare),
        ("dhs", Means::Spare),
        ("hotspare", Means::Spare),
        ("rbld", Means::Rebuilding),
        ("rebuild", Means::Rebuilding),
        ("cpybck", Means::Note("its data is being copied back to its own place")),
        ("copyback", Means::Note("its data is being copied back to its own place")),
        ("ubad", Means::Failed),
        ("unconfigured(bad)", Means::Failed),
        ("ubunsp", Means::Failed),
        ("ugunsp", Means::Warn("the controller does not support it")),
        ("unsupported", Means::Warn("the controller does not support it")),
        ("ugshld", Means::Warn("set aside for diagnosis after errors")),
        ("hspshld", Means::Warn("set aside for diagnosis after errors")),
        ("cfshld", Means::Warn("set aside for diagnosis after errors")),
        ("cbshld", Means::Warn("set aside for diagnosis after errors")),
        ("sntze", Means::Note("is being erased")),
        ("uconf", Means::Unused),
        ("uconfunsp", Means::Warn("the controller does not support it")),
        ("unusbl", Means::Warn("the controller cannot use it")),
        ("uconf unusable", Means::Warn("the controller cannot use it")),
        ("shld", Means::Warn("set aside for diagnosis after errors")),
        ("confshld", Means::Warn("set aside for diagnosis after errors")),
        ("uconfshld", Means::Warn("set aside for diagnosis after errors")),
        ("ghsshld", Means::Warn("set aside for diagnosis after errors")),
        ("dhsshld", Means::Warn("set aside for diagnosis after errors")),
        ("uconfdgrd", Means::Warn("replace it soon")),
        ("confdgrd", Means::Warn("replace it soon")),
        ("jboddgrd", Means::Warn("replace it soon")),
        ("ghsdgrd", Means::Warn("replace it soon")),
        ("dhsdgrd", Means::Warn("replace it soon")),
        ("uconfsntz", Means::Note("is being erased")),
        ("confsntz", Means::Note("is being erased")),
        ("jbodsntz", Means::Note("is being erased")),
        ("ghssntz", Means::Note("is being erased")),
        ("dhssntz", Means::Note("is being erased")),
        ("conf replace", Means::Note("its data is being copied to another drive")),
        ("offln", Means::Failed),
        ("offline", Means::Failed),
        ("failed", Means::Failed),
        ("msng", Means::Missing),
        ("missing", Means::Missing),
    ],
    part: &[
        (
            "State",
            &[
                ("optimal", Means::Good),
                ("operational", Means::Good),
                ("ok", Means::Good),
                ("optl", Means::Good),
                ("", Means::Good),
                ("non operational", Means::Warn("")),
                ("learning", Means::Note("")),
                ("learn cycle active", Means::Note("")),
                ("awaiting learn", Means::Note("")),
                ("charging", Means::Note("the write cache may be off until it is done")),
                ("discharging", Means::Note("part of a learn cycle")),
                ("degraded", Means::Warn("replace it, or the write cache stays off")),
                ("degraded(need attention)", Means::Warn("replace it")),
                ("dgd", Means::Warn("replace it, or the write cache stays off")),
                ("degraded (needs attention)", Means::Warn("replace it")),
                ("failed", Means::Warn("replace it, or the write cache stays off")),
                ("fail", Means::Warn("replace it, or the write cache stays off")),
                ("faulty", Means::Warn("replace it, or the write cache stays off")),
                ("missing", Means::Warn("the write cache is off")),
                ("absent", Means::Warn("the write cache is off")),
            ],
        ),
        ("Replacement required", REPLACE),
        ("Battery Replacement required", REPLACE),
        ("Pack is about to fail", REPLACE),
        ("Battery Pack Missing", NO_IS_GOOD),
        ("Remaining Capacity Low", LOW),
        ("I2C Errors Detected", NO_IS_GOOD),
        ("I2c Errors Detected", NO_IS_GOOD),
        ("No space to cache offload", NO_IS_GOOD),
        ("Learn Cycle Active", &[("no", Means::Good), ("yes", Means::Note(""))]),
        (
            "Voltage",
            &[
                ("ok", Means::Good),
                ("low", Means::Warn("")),
                ("high", Means::Warn("")),
                ("missing", Means::Warn("")),
            ],
        ),
        ("Temperature", &[("ok", Means::Good), ("high", Means::Warn(""))]),
        (
            "Learn Cycle Status",
            &[("ok", Means::Good), ("failed", Means::Warn("")), ("timeout", Means::Warn(""))],
        ),
    ],
};

/// `megacli` calls the drives by another name.
const MEGACLI_WORDS: Words = Words { drives: "pd", ..WORDS };

const REPLACE: &[(&str, Means)] = &[
    ("no", Means::Good),
    ("n/a", Means::Good),
    ("yes", Means::Warn("the write cache is off or unprotected until then")),
];
const LOW: &[(&str, Means)] =
    &[("no", Means::Good), ("n/a", Means::Good), ("yes", Means::Warn("it may be charging"))];

fn ask(tools: &dyn Ask) -> Result<Answer, ProbeError> {
    let mut answer = Answer::default();
    let mut known: Vec<Controller> = Vec::new();
    let (mut absent, mut answered) = (None, false);
    for names in [STORCLI, PERCCLI, STORCLI2, PERCCLI2] {
        match ask_storcli(tools, names) {
            Ok(answers) => {
                answered = true;
                answer.refusal = answer.refusal.or(answers.refusal);
                known.extend(distinct(&known, answers.controllers, names));
            }
            Err(error @ ProbeError::Absent(_)) => absent = Some(error),
            Err(error) => return Err(error),
        }
    }
    let mut words = &WORDS;
    if known.is_empty() {
        match ask_megacli(tools) {
            Ok(controllers) => {
                known = controllers;
                words = &MEGACLI_WORDS;
            }
            Err(ProbeError::Absent(_)) if answered => {}
            Err(error @ ProbeError::Absent(_)) => return Err(absent.unwrap_or(error)),
            Err(error) => return Err(error),
        }
    }
    answer.items = known.iter().flat_map(|one| items(words, one)).collect();
    Ok(answer)
}

/// Controllers that the other tool has not told of, under names of their own: where both vendors'
/// tools are installed, each may see the other's controllers.
fn distinct(known: &[Controller], more: Vec<Controller>, names: &[&str]) -> Vec<Controller> {
    let same = |one: &Controller, other: &Controller| {
        (!one.address.is_empty() && one.address == other.address)
            || (!one.serial.is_empty() && one.serial == other.serial)
            || (one.address.is_empty() && one.serial.is_empty() && one.name == other.name)
    };
    more.into_iter()
        .filter(|one| !known.iter().any(|other| same(one, other)))
        .map(|mut one| {
            if known.iter().any(|other| other.name == one.name) {
                let tool = names.last().copied().unwrap_or_default();
                one.name = format!("{tool}-{}", one.name);
            }
            one
        })
        .collect()
}

fn ask_storcli(tools: &dyn Ask, names: &[&str]) -> Result<Answers, ProbeError> {
    let mut answers = Answers::default();
    // `nolog` keeps the tool from writing a log file into its folder.
    let output = tools.ask(names, &["/call", "show", "all", "J", "nolog"])?;
    answers.add(&output.stdout);
    if answers.controllers.is_empty() {
        // A controller that is busy answers the short question.
        answers.add(&tools.ask_more(names, &["/call", "show", "J", "nolog"]));
    }
    if answers.controllers.is_empty() {
        if !answers.understood && answers.refusal.is_none() {
            return Err(nonsense(names, &output));
        }
        return Ok(answers);
    }
    let has = |what: fn(&Controller) -> bool| answers.controllers.iter().any(what);
    let mut questions: Vec<&[&str]> = Vec::new();
    if has(|one| !one.volumes.is_empty()) {
        questions.push(&["/call/vall", "show", "all", "J", "nolog"]);
    }
    if has(|one| one.drives.iter().any(|drive| !drive.place.starts_with(':'))) {
        questions.push(&["/call/eall/sall", "show", "all", "J", "nolog"]);
    }
    if has(|one| one.drives.iter().any(|drive| drive.place.starts_with(':'))) {
        questions.push(&["/call/sall", "show", "all", "J", "nolog"]);
    }
    for part in ["cv", "bbu"] {
        let fed = |one: &Controller| one.parts.iter().any(|known| known.name == part);
        if answers.controllers.iter().any(fed) {
            questions.push(match part {
                "cv" => &["/call/cv", "show", "all", "J", "nolog"],
                _ => &["/call/bbu", "show", "all", "J", "nolog"],
            });
        }
    }
    let rebuilding = |one: &Controller| {
        one.drives.iter().any(|drive| matches!(drive.state.as_str(), "Rbld" | "Cpybck"))
    };
    if has(rebuilding) {
        questions.push(&["/call/eall/sall", "show", "rebuild", "J", "nolog"]);
        questions.push(&["/call/eall/sall", "show", "copyback", "J", "nolog"]);
    }
    for question in questions {
        // Further answers refine the first; one that does not come leaves it as it is.
        answers.add(&tools.ask_more(names, question));
    }
    Ok(answers)
}

fn ask_megacli(tools: &dyn Ask) -> Result<Vec<Controller>, ProbeError> {
    let mut controllers = Vec::new();
    let output = tools.ask(MEGACLI, &["-ldinfo", "-lall", "-aall", "-nolog"])?;
    let mut understood = megacli::volumes(&mut controllers, &output.stdout);
    let drives = tools.ask_more(MEGACLI, &["-pdlist", "-aall", "-nolog"]);
    understood |= megacli::drives(&mut controllers, &drives);
    let battery = tools.ask_more(MEGACLI, &["-adpbbucmd", "-getbbustatus", "-aall", "-nolog"]);
    megacli::battery(&mut controllers, &battery);
    if controllers.is_empty() && !understood {
        return Err(nonsense(MEGACLI, &output));
    }
    Ok(controllers)
}
