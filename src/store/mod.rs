//! The agent's own durable state: a journal of checksummed frames, and the lock on its directory.
//!
//! Knows no meaning of what it keeps: frames are bytes.

pub mod journal;
