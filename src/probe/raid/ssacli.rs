//! HPE Smart Array: `ssacli` and its elder names. Owns: the questions, and what the words mean.

use super::controller::items;
use super::pci::Device;
use super::vendor::{Answer, Ask, Vendor, refused};
use super::words::{Means, Words};
use crate::model::reading::ProbeError;
use crate::parse::ssacli;

const SSACLI: &[&str] = &["ssacli", "hpssacli", "hpacucli"];

pub(super) static SMART_ARRAY: Vendor = Vendor::new("smartarray", &[SSACLI], is_ours, ask);

fn is_ours(device: &Device) -> bool {
    const HP: u32 = 0x103c;
    const HPE: u32 = 0x1590;
    device.vendor == HP || (device.vendor == 0x9005 && matches!(device.board_vendor, HP | HPE))
}

/// Words that any part may have.
const STATUS: &[(&str, Means)] = &[
    ("ok", Means::Good),
    ("failed", Means::Failed),
    ("degraded", Means::Degraded),
    ("not available", Means::Good),
    ("single domain", Means::Note("")),
];

pub(super) static WORDS: Words = Words {
    technology: "smartarray",
    drives: "drives",
    controller: &[(
        "Controller Status",
        &[
            ("ok", Means::Good),
            ("failed", Means::Failed),
            ("general failure", Means::Failed),
            ("offline", Means::Failed),
            ("locked up", Means::Failed),
            ("disabled", Means::Warn("")),
        ],
    )],
    volume: &[
        ("ok", Means::Good),
        ("interim recovery mode", Means::Degraded),
        ("degraded", Means::Degraded),
        ("ready for rebuild", Means::Degraded),
        ("waiting to rebuild", Means::Degraded),
        ("queued for rebuild", Means::Degraded),
        ("recovering", Means::Rebuilding),
        ("rebuilding", Means::Rebuilding),
        ("ready for recovery", Means::Degraded),
        ("failed", Means::Failed),
        ("disabled from scsi id conflict", Means::Failed),
        ("disabled", Means::Failed),
        ("not available", Means::Failed),
        ("offline", Means::Failed),
        ("wrong physical drive replaced", Means::Bad("put the right drive back")),
        ("wrong drive replaced", Means::Bad("put the right drive back")),
        ("physical drive not properly connected", Means::Bad("check the cables")),
        ("hardware is overheating", Means::Bad("")),
        ("hardware has overheated", Means::Failed),
        ("overheating", Means::Bad("")),
        ("overheated", Means::Failed),
        ("erase in progress", Means::Note("")),
        ("not yet available", Means::Note("waits for an expansion")),
        ("queued for expansion", Means::Note("")),
        ("expanding", Means::Note("")),
        ("transforming", Means::Note("")),
        ("shrinking", Means::Note("")),
        ("initializing", Means::Note("")),
        ("rapid parity initialization in progress", Means::Note("")),
        ("unconfigured", Means::Note("")),
        ("encrypted volume without key", Means::Bad("no key")),
    ],
    volume_facts: &[
        (
            "Unrecoverable Media Errors",
            &[
                ("none", Means::Good),
                ("detected", Means::Warn("some blocks cannot be read any more")),
                ("yes", Means::Warn("some blocks cannot be read any more")),
            ],
        ),
        ("MultiDomain Status", STATUS),
    ],
    drive: &[
        ("ok", Means::Good),
        ("ok, spare", Means::Spare),
        ("ok, active spare", Means::Good),
        ("rebuilding", Means::Rebuilding),
        ("spare activated", Means::Good),
        ("spare inactive", Means::Spare),
        ("predictive failure", Means::Warn("replace it soon")),
        ("predictive", Means::Warn("replace it soon")),
        ("ssd wear out", Means::Warn("replace it soon")),
        ("erase in progress", Means::Note("")),
        ("erase complete", Means::Note("")),
        ("erase completed", Means::Note("")),
        ("not configured", Means::Unused),
        ("queued for rebuild", Means::Rebuilding),
        ("waiting for rebuild", Means::Rebuilding),
        ("transient data drive", Means::Good),
        ("not authenticated", Means::Note("not a part of the vendor's")),
        ("offline", Means::Failed),
        ("failed", Means::Failed),
        ("missing", Means::Missing),
    ],
    part: &[
        (
            "Cache Status Details",
            // A sentence for people.
            &[],
        ),
        (
            "Cache Status",
            &[
                ("ok", Means::Good),
                ("not configured", Means::Good),
                ("not available", Means::Good),
                ("none", Means::Good),
                ("temporarily disabled", Means::Warn("writes are slower until it is back")),
                (
                    "permanently disabled",
                    Means::Warn("writes are slower; replace cache or battery"),
                ),
                ("permanently unavailable", Means::Warn("replace the cache")),
                ("degraded", Means::Warn("")),
                ("failed", Means::Warn("replace the cache")),
                ("disabled", Means::Warn("")),
            ],
        ),
        (
            "Battery/Capacitor Status",
            &[
                ("ok", Means::Good),
                ("not available", Means::Good),
                ("recharging", Means::Note("the write cache may be off until it is done")),
                ("charging", Means::Note("the write cache may be off until it is done")),
                ("failed", Means::Warn("replace it, or the write cache stays off")),
                ("failed (replace batteries)", Means::Warn("the write cache stays off until then")),
                (
                    "failed (replace batteries/capacitors)",
                    Means::Warn("the write cache stays off until then"),
                ),
                ("degraded", Means::Warn("replace it soon")),
                ("missing", Means::Warn("the write cache stays off")),
                ("not present", Means::Warn("the write cache stays off")),
            ],
        ),
        ("MultiDomain Status", STATUS),
        ("Status", ARRAY),
    ],
};

/// Of an array: what its logical drives tell with more words is not told twice.
const ARRAY: &[(&str, Means)] = &[
    ("ok", Means::Good),
    ("failed", Means::Failed),
    ("failed physical drive", Means::Note("see its logical drives")),
    ("failed drive", Means::Note("see its logical drives")),
    ("interim recovery mode", Means::Note("see its logical drives")),
    ("degraded", Means::Note("see its logical drives")),
    ("rebuilding", Means::Note("see its logical drives")),
    ("recovering", Means::Note("see its logical drives")),
    ("transforming", Means::Note("")),
    ("expanding", Means::Note("")),
    ("erase in progress", Means::Note("")),
];

fn ask(tools: &dyn Ask) -> Result<Answer, ProbeError> {
    let mut controllers = Vec::new();
    let output = tools.ask(SSACLI, &["ctrl", "all", "show", "config", "detail"])?;
    ssacli::read(&mut controllers, &output.stdout);
    // Elder versions fall back on the short form, which leaves the state of controllers out.
    if controllers.iter().all(|one| one.facts.is_empty()) {
        let status = tools.ask_more(SSACLI, &["ctrl", "all", "show", "status"]);
        ssacli::read(&mut controllers, &status);
    }
    if controllers.is_empty() {
        return refused(SSACLI, &output, &["controller", "smart array"]);
    }
    if controllers.iter().all(|one| one.volumes.is_empty() && one.drives.is_empty()) {
        let slots: Vec<String> = controllers
            .iter()
            .filter_map(|one| one.name.strip_prefix("slot").map(str::to_owned))
            .collect();
        for slot in slots {
            let slot = format!("slot={slot}");
            let volumes = tools.ask_more(SSACLI, &["ctrl", &slot, "ld", "all", "show"]);
            ssacli::read(&mut controllers, &volumes);
            let drives = tools.ask_more(SSACLI, &["ctrl", &slot, "pd", "all", "show"]);
            ssacli::read(&mut controllers, &drives);
        }
    }
    let items = controllers.iter().flat_map(|one| items(&WORDS, one)).collect();
    Ok(Answer { items, refusal: None })
}
