//! What is behind a change, gathered when it happens: processes, files, sockets, the curve before.
//!
//! Owns the question ([`Inquiry`]) and how each kind's is answered. Runs in a child process that
//! is killed at its deadline, so it may wait; judges nothing and tells nobody.

mod inquiry;

pub use inquiry::{Inquiry, Measure};
