//! Adaptec and Microchip: `arcconf`. Owns: the questions, and what the words mean.

use super::controller::items;
use super::pci::Device;
use super::vendor::{Answer, Ask, Vendor, refused};
use super::words::{Means, Words};
use crate::model::reading::ProbeError;
use crate::parse::arcconf;

const ARCCONF: &[&str] = &["arcconf"];

/// Controllers of one machine that are asked; a server has slots for a few.
const CONTROLLERS_MAX: u64 = 16;

pub(super) static ADAPTEC: Vendor = Vendor::new("adaptec", &[ARCCONF], is_ours, ask);

fn is_ours(device: &Device) -> bool {
    device.vendor == 0x9005 && !matches!(device.board_vendor, 0x103c | 0x1590)
}

pub(super) static WORDS: Words = Words {
    technology: "adaptec",
    drives: "drives",
    controller: &[
        (
            "Controller Status",
            &[
                ("optimal", Means::Good),
                ("okay", Means::Good),
                ("ok", Means::Good),
                ("degraded", Means::Warn("")),
                ("failed", Means::Failed),
                ("kernel panic", Means::Failed),
                ("lockup", Means::Failed),
                ("not ready", Means::Warn("")),
            ],
        ),
        (
            "Temperature",
            &[
                ("normal", Means::Good),
                ("abnormal", Means::Warn("too hot")),
                ("warning", Means::Warn("too hot")),
                ("high", Means::Warn("too hot")),
                ("critical", Means::Bad("too hot")),
            ],
        ),
        (
            "Cache Status",
            &[
                ("ok", Means::Good),
                ("not configured", Means::Good),
                ("not applicable", Means::Good),
                ("not available", Means::Good),
                ("n/a", Means::Good),
                ("temporarily disabled", Means::Warn("writes are slower until it is back")),
                ("permanently disabled", Means::Warn("writes are slower")),
                ("failed", Means::Warn("replace the cache")),
            ],
        ),
        (
            "NVRAM Checksum Status",
            &[
                ("passed", Means::Good),
                ("not applicable", Means::Good),
                ("not available", Means::Good),
                ("failed", Means::Warn("")),
            ],
        ),
    ],
    volume: &[
        ("optimal", Means::Good),
        ("okay", Means::Good),
        ("ok", Means::Good),
        ("degraded", Means::Degraded),
        ("suboptimal", Means::Degraded),
        ("sub-optimal", Means::Degraded),
        ("suboptimal, fault tolerant", Means::Degraded),
        ("degraded, rebuilding", Means::Rebuilding),
        ("suboptimal, rebuilding", Means::Rebuilding),
        ("rebuilding", Means::Rebuilding),
        ("interim recovery", Means::Degraded),
        ("ready for recovery", Means::Degraded),
        ("queued for rebuild", Means::Degraded),
        ("recovering", Means::Rebuilding),
        ("impacted", Means::Note("being initialised")),
        ("building", Means::Note("being initialised")),
        ("reconfiguring", Means::Note("")),
        ("expanding", Means::Note("")),
        ("queued for expansion", Means::Note("")),
        ("background init", Means::Note("")),
        ("formatted", Means::Note("")),
        ("failed", Means::Failed),
        ("offline", Means::Failed),
        ("dead", Means::Failed),
        ("missing", Means::Failed),
    ],
    volume_facts: &[(
        "Failed stripes",
        &[("no", Means::Good), ("yes", Means::Warn("some blocks cannot be read any more"))],
    )],
    drive: &[
        ("online", Means::Good),
        ("online (jbod)", Means::Good),
        ("optimal", Means::Good),
        ("jbod", Means::Good),
        ("raw (pass through)", Means::Good),
        ("raw", Means::Unused),
        ("ready", Means::Unused),
        ("available", Means::Unused),
        ("standby", Means::Unused),
        ("hot spare", Means::Spare),
        ("hot-spare", Means::Spare),
        ("global hot-spare", Means::Spare),
        ("dedicated hot-spare", Means::Spare),
        ("pooled hot-spare", Means::Spare),
        ("auto replace hot-spare", Means::Spare),
        ("rebuilding", Means::Rebuilding),
        ("copyback", Means::Note("")),
        ("predictive failure", Means::Warn("replace it soon")),
        ("failed", Means::Failed),
        ("offline", Means::Failed),
        ("missing", Means::Missing),
    ],
    part: &[
        ("Hardware Error", &[("no error", Means::Good), ("none", Means::Good)]),
        (
            "Over temperature",
            &[("no", Means::Good), ("not applicable", Means::Good), ("yes", Means::Warn(""))],
        ),
        ("Status", STATUS),
        ("Overall Status", STATUS),
        ("Overall Backup Unit Status", STATUS),
        ("Supercap Status", STATUS),
        ("Non-Volatile Storage Status", STATUS),
        ("Backup Power Status", STATUS),
        ("Battery/Capacitor Status", STATUS),
    ],
};

const STATUS: &[(&str, Means)] = &[
    ("ok", Means::Good),
    ("optimal", Means::Good),
    ("ready", Means::Good),
    ("zmm optimal", Means::Good),
    ("zmm ok", Means::Good),
    ("not installed", Means::Good),
    ("zmm not installed", Means::Good),
    ("not present", Means::Good),
    ("not available", Means::Good),
    ("not applicable", Means::Good),
    ("not supported", Means::Good),
    ("n/a", Means::Good),
    ("charging", Means::Note("the write cache may be off until it is done")),
    ("recharging", Means::Note("the write cache may be off until it is done")),
    ("zmm charging", Means::Note("the write cache may be off until it is done")),
    ("discharging", Means::Note("")),
    ("reconditioning", Means::Note("")),
    ("failed", Means::Warn("replace it, or the write cache stays off")),
    ("zmm failed", Means::Warn("replace it, or the write cache stays off")),
    ("error", Means::Warn("replace it, or the write cache stays off")),
    ("depleted", Means::Warn("replace it, or the write cache stays off")),
    ("degraded", Means::Warn("replace it soon")),
    ("too hot", Means::Warn("")),
    ("not ready", Means::Warn("the write cache may be off until it is ready")),
    ("fatal", Means::Warn("replace it, or the write cache stays off")),
];

fn ask(tools: &dyn Ask) -> Result<Answer, ProbeError> {
    // `nologs` keeps the tool from writing a log file into its folder.
    let first = tools.ask(ARCCONF, &["getconfig", "1", "nologs"])?;
    let found = arcconf::controllers_found(&first.stdout);
    let mut list = Vec::new();
    for number in 1..=found.unwrap_or(1).min(CONTROLLERS_MAX) {
        let text = match number {
            1 => first.stdout.clone(),
            _ => tools.ask(ARCCONF, &["getconfig", &number.to_string(), "nologs"])?.stdout,
        };
        if let Some(mut one) = arcconf::config(number, &text) {
            let status = tools.ask_more(ARCCONF, &["getstatus", &number.to_string(), "nologs"]);
            arcconf::status(&mut one, &status);
            list.extend(items(&WORDS, &one));
        }
    }
    match (list.is_empty(), found) {
        (true, Some(0)) => {
            Ok(Answer { items: list, refusal: Some("Controllers found: 0".to_owned()) })
        }
        (true, _) => refused(ARCCONF, &first, &["controller"]),
        (false, _) => Ok(Answer { items: list, refusal: None }),
    }
}
