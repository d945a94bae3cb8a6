//! The agent's own durable state: a journal of checksummed frames, and the lock on its directory.
//!
//! Knows no meaning of what it keeps: frames are bytes. All file calls go through [`disk::Disk`],
//! so that a test can make any one of them fail or cut the power after it.

pub mod disk;
pub mod error;
pub mod frame;
pub mod journal;
pub mod lock;
