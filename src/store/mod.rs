//! The agent's own files: a journal of checksummed frames, the history of its numbers, the spool of what
//! leaves it, the lock on
//! its directory, a cache, and secrets.
//!
//! Knows no meaning of what it keeps: frames are bytes. All file calls of the journal go through
//! [`disk::Disk`], so that a test can make any one of them fail or cut the power after it.

pub mod cache;
pub mod disk;
pub mod error;
pub mod frame;
pub mod history;
pub mod journal;
pub mod lock;
pub mod secret;
pub mod spool;
