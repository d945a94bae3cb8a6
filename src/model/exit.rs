//! Exit codes: a contract with users' scripts. Numbers above 63 are those of sysexits.h.

/// Done.
pub const DONE: u8 = 0;
/// Something could not be done.
pub const FAILED: u8 = 1;
/// Wrong usage of `check` and `status`, where 2 would look critical to a caller.
pub const UNKNOWN: u8 = 3;
/// The command line was wrong (EX_USAGE).
pub const USAGE: u8 = 64;
/// No agent answers (EX_UNAVAILABLE).
pub const NO_AGENT: u8 = 69;
/// No permission (EX_NOPERM).
pub const NO_PRIVILEGE: u8 = 77;
/// The configuration has an error (EX_CONFIG).
pub const BAD_CONFIG: u8 = 78;
