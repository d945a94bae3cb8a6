//! Sensor-specific offsets (reading type 6Fh; IPMI 2.0, table 42-3): words and weights.
//!
//! Owns the tables alone. A row without a word is an offset that the specification leaves free.

use super::states::Row;
use super::states::Weight::{Critical, Good, Note, Warning};

const FREE: Row = ("", Note, Note);

/// Offsets of a sensor type; empty for types that have none and for vendors' own.
pub(super) fn rows(sensor_type: u8) -> &'static [Row] {
    match sensor_type {
        0x05 => INTRUSION,
        0x06 => SECURITY,
        0x07 => PROCESSOR,
        0x08 => POWER_SUPPLY,
        0x09 => POWER_UNIT,
        0x0c => MEMORY,
        0x0d => DRIVE,
        0x0f => FIRMWARE,
        0x10 => EVENT_LOG,
        0x11 => WATCHDOG_OLD,
        0x12 => SYSTEM_EVENT,
        0x13 => INTERRUPT,
        0x14 => BUTTON,
        0x19 => CHIP_SET,
        0x1b => CABLE,
        0x1d => BOOT,
        0x1e => BOOT_ERROR,
        0x1f => OS_BOOT,
        0x20 => OS_STOP,
        0x21 => SLOT,
        0x22 => ACPI,
        0x23 => WATCHDOG,
        0x24 => ALERT,
        0x25 => PRESENCE,
        0x27 => LAN,
        0x28 => CONTROLLER,
        0x29 => BATTERY,
        0x2a => SESSION,
        0x2b => VERSION,
        0x2c => PART,
        _ => &[],
    }
}

/// Offsets that report something that happened rather than something that holds: no deassertion
/// will come, or none that means anything.
pub(super) fn is_momentary(sensor_type: u8, offset: u8) -> bool {
    match sensor_type {
        0x06 | 0x0f | 0x11 | 0x12 | 0x13 | 0x14 | 0x1d | 0x1e | 0x1f | 0x20 | 0x22 | 0x23
        | 0x24 | 0x2a | 0x2b => true,
        // Correctable, uncorrectable, parity, scrub: each a count, not a state.
        0x0c => offset <= 3,
        0x07 => matches!(offset, 0..=4 | 6 | 11 | 12),
        0x09 => offset == 1,
        0x10 => offset == 2,
        _ => false,
    }
}

static INTRUSION: &[Row] = &[
    ("chassis opened", Warning, Warning),
    ("drive bay opened", Warning, Warning),
    ("I/O card area opened", Warning, Warning),
    ("processor area opened", Warning, Warning),
    ("unplugged from LAN", Warning, Warning),
    ("docked without permission", Warning, Warning),
    ("fan area opened", Warning, Warning),
];

static SECURITY: &[Row] = &[
    ("front panel lockout violated", Warning, Warning),
    ("wrong user password before boot", Warning, Warning),
    ("wrong setup password before boot", Warning, Warning),
    ("wrong network boot password before boot", Warning, Warning),
    ("wrong password before boot", Warning, Warning),
    ("wrong password out of band", Warning, Warning),
];

static PROCESSOR: &[Row] = &[
    ("internal error (IERR)", Critical, Critical),
    ("thermal trip", Critical, Critical),
    ("failed its self test", Critical, Critical),
    ("hung in POST", Critical, Critical),
    ("did not start", Critical, Critical),
    ("configuration error", Warning, Warning),
    ("uncorrectable processor error", Critical, Critical),
    ("presence detected", Good, Note),
    ("disabled", Warning, Warning),
    ("terminator present", Note, Note),
    ("throttled", Warning, Warning),
    ("uncorrectable machine check", Critical, Critical),
    ("correctable machine check", Warning, Warning),
];

static POWER_SUPPLY: &[Row] = &[
    ("presence detected", Good, Note),
    ("failure detected", Critical, Critical),
    ("failure predicted", Warning, Warning),
    ("power supply input lost", Critical, Critical),
    ("power supply input lost or out of range", Critical, Critical),
    ("power supply input out of range", Warning, Warning),
    ("configuration error", Warning, Warning),
    ("standby", Note, Note),
];

static POWER_UNIT: &[Row] = &[
    ("powered off", Note, Note),
    ("power cycled", Note, Note),
    ("240 VA power down", Critical, Critical),
    ("interlock power down", Critical, Critical),
    ("AC lost", Critical, Critical),
    ("soft power control failed", Critical, Critical),
    ("failure detected", Critical, Critical),
    ("failure predicted", Warning, Warning),
];

static MEMORY: &[Row] = &[
    ("correctable ECC error", Warning, Warning),
    ("uncorrectable ECC error", Critical, Critical),
    ("parity error", Critical, Critical),
    ("memory scrub failed", Warning, Warning),
    ("memory device disabled", Warning, Warning),
    ("correctable ECC logging limit reached", Warning, Warning),
    ("presence detected", Good, Note),
    ("configuration error", Warning, Warning),
    ("spare", Note, Note),
    ("throttled", Warning, Warning),
    ("critical overtemperature", Critical, Critical),
];

static DRIVE: &[Row] = &[
    ("presence detected", Good, Note),
    ("drive fault", Critical, Critical),
    ("failure predicted", Warning, Warning),
    ("hot spare", Good, Note),
    ("consistency check in progress", Note, Note),
    ("in critical array", Critical, Critical),
    ("in failed array", Critical, Critical),
    ("rebuild in progress", Note, Note),
    ("rebuild aborted", Warning, Warning),
];

static FIRMWARE: &[Row] = &[
    ("POST error", Warning, Warning),
    ("POST hung", Critical, Critical),
    ("POST progress", Note, Note),
];

static EVENT_LOG: &[Row] = &[
    ("correctable memory error logging disabled", Warning, Warning),
    ("logging of one event type disabled", Warning, Warning),
    ("log cleared", Note, Note),
    ("all event logging disabled", Warning, Warning),
    ("event log full", Warning, Warning),
    ("event log almost full", Warning, Warning),
    ("correctable machine check logging disabled", Warning, Warning),
];

static WATCHDOG_OLD: &[Row] = &[
    ("watchdog reset by BIOS", Warning, Warning),
    ("watchdog reset the operating system", Warning, Warning),
    ("watchdog shut the operating system down", Warning, Warning),
    ("watchdog powered down", Warning, Warning),
    ("watchdog power cycled", Warning, Warning),
    ("watchdog sent an NMI", Warning, Warning),
    ("watchdog expired", Warning, Warning),
    ("watchdog about to expire", Warning, Warning),
];

static SYSTEM_EVENT: &[Row] = &[
    ("system reconfigured", Note, Note),
    ("vendor's boot event", Note, Note),
    ("undetermined hardware failure", Critical, Critical),
    ("entry added to auxiliary log", Note, Note),
    ("platform event filter acted", Note, Note),
    ("clock set", Note, Note),
];

static INTERRUPT: &[Row] = &[
    ("diagnostic interrupt from front panel", Warning, Warning),
    ("bus timeout", Critical, Critical),
    ("I/O channel check NMI", Critical, Critical),
    ("software NMI", Warning, Warning),
    ("PCI parity error", Critical, Critical),
    ("PCI system error", Critical, Critical),
    ("EISA fail safe timeout", Critical, Critical),
    ("correctable bus error", Warning, Warning),
    ("uncorrectable bus error", Critical, Critical),
    ("fatal NMI", Critical, Critical),
    ("fatal bus error", Critical, Critical),
    ("bus degraded", Warning, Warning),
];

static BUTTON: &[Row] = &[
    ("power button pressed", Note, Note),
    ("sleep button pressed", Note, Note),
    ("reset button pressed", Note, Note),
    ("latch opened", Note, Note),
    ("service requested", Note, Note),
];

static CHIP_SET: &[Row] =
    &[("soft power control failed", Critical, Critical), ("thermal trip", Critical, Critical)];

static CABLE: &[Row] =
    &[("connected", Good, Note), ("wrong cable or configuration error", Critical, Critical)];

static BOOT: &[Row] = &[
    ("boot after power up", Note, Note),
    ("boot after hard reset", Note, Note),
    ("boot after warm reset", Note, Note),
    ("network boot requested", Note, Note),
    ("boot to diagnostics", Note, Note),
    ("hard reset by the operating system", Note, Note),
    ("warm reset by the operating system", Note, Note),
    ("system restarted", Note, Note),
];

static BOOT_ERROR: &[Row] = &[
    ("no bootable media", Warning, Warning),
    ("diskette not bootable", Note, Note),
    ("boot server not found", Warning, Warning),
    ("invalid boot sector", Warning, Warning),
    ("waited in vain for a choice of boot source", Note, Note),
];

static OS_BOOT: &[Row] = &[
    ("booted from disk", Good, Note),
    ("booted from second disk", Good, Note),
    ("booted from network", Good, Note),
    ("diagnostic booted", Note, Note),
    ("booted from CD", Good, Note),
    ("booted from ROM", Good, Note),
    ("boot completed", Good, Note),
    ("installation started", Note, Note),
    ("installation completed", Note, Note),
    ("installation aborted", Warning, Warning),
    ("installation failed", Warning, Warning),
];

static OS_STOP: &[Row] = &[
    ("operating system stopped while loading", Critical, Critical),
    ("operating system crashed", Critical, Critical),
    ("operating system stopped as told", Note, Note),
    ("operating system shut down as told", Note, Note),
    ("shutdown by platform event filter", Note, Note),
    ("agent did not answer a shutdown", Warning, Warning),
];

static SLOT: &[Row] = &[
    ("fault", Critical, Critical),
    ("identify light on", Note, Note),
    ("device installed", Good, Note),
    ("ready for installation", Note, Note),
    ("ready for removal", Note, Note),
    ("powered off", Note, Note),
    ("removal requested", Note, Note),
    ("interlock open", Note, Note),
    ("disabled", Note, Note),
    ("holds a spare", Good, Note),
];

static ACPI: &[Row] = &[
    ("working (S0)", Good, Note),
    ("sleeping (S1)", Note, Note),
    ("sleeping (S2)", Note, Note),
    ("sleeping (S3)", Note, Note),
    ("hibernated (S4)", Note, Note),
    ("soft off (S5)", Note, Note),
    ("soft off (S4 or S5)", Note, Note),
    ("mechanical off (G3)", Note, Note),
    ("sleeping (S1 to S3)", Note, Note),
    ("sleeping (G1)", Note, Note),
    ("soft off by override", Note, Note),
    ("legacy on", Good, Note),
    ("legacy off", Note, Note),
    FREE,
    ("power state unknown", Note, Note),
];

static WATCHDOG: &[Row] = &[
    ("watchdog expired", Warning, Warning),
    ("watchdog reset the machine", Warning, Warning),
    ("watchdog powered the machine down", Warning, Warning),
    ("watchdog power cycled the machine", Warning, Warning),
    FREE,
    FREE,
    FREE,
    FREE,
    ("watchdog interrupt", Note, Note),
];

static ALERT: &[Row] = &[
    ("page sent", Note, Note),
    ("LAN alert sent", Note, Note),
    ("event trap sent", Note, Note),
    ("vendor's trap sent", Note, Note),
];

static PRESENCE: &[Row] =
    &[("present", Good, Note), ("absent", Note, Note), ("disabled", Note, Note)];

static LAN: &[Row] = &[("LAN heartbeat lost", Warning, Warning), ("LAN heartbeat", Good, Note)];

static CONTROLLER: &[Row] = &[
    ("sensor access degraded", Warning, Warning),
    ("controller access degraded", Warning, Warning),
    ("management controller off line", Warning, Warning),
    ("management controller unavailable", Warning, Warning),
    ("sensor failed", Warning, Warning),
    ("part failed", Warning, Warning),
];

static BATTERY: &[Row] = &[
    ("battery low", Warning, Warning),
    ("battery failed", Critical, Critical),
    ("presence detected", Good, Note),
];

static SESSION: &[Row] = &[
    ("session activated", Note, Note),
    ("session deactivated", Note, Note),
    ("wrong user name or password", Note, Note),
    ("account disabled after wrong passwords", Warning, Warning),
];

static VERSION: &[Row] = &[
    ("hardware changed", Note, Note),
    ("firmware or software changed", Note, Note),
    ("hardware incompatible", Warning, Warning),
    ("firmware or software incompatible", Warning, Warning),
    ("hardware version not supported", Warning, Warning),
    ("firmware or software version not supported", Warning, Warning),
    ("hardware change succeeded", Note, Note),
    ("firmware or software change succeeded", Note, Note),
];

static PART: &[Row] = &[
    ("not installed", Note, Note),
    ("inactive", Note, Note),
    ("activation requested", Note, Note),
    ("activation in progress", Note, Note),
    ("active", Good, Note),
    ("deactivation requested", Note, Note),
    ("deactivation in progress", Note, Note),
    ("communication lost", Warning, Warning),
];
