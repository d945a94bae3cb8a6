//! hostwatch: a resident agent that judges one Linux server's hardware and operating system
//! against checks, and mails a person when a check changes state.
//!
//! # The path of data
//!
//! ```text
//! conf.d/*.yaml -> config -> plan -> schedule -> probe -> observation -> window -> rule
//!     -> state machine -> transition -> notice -> outbox -> courier -> SMTP / sendmail / Maildir
//!                      \-> batch, change -> spool -> queue -> outlet -> collector
//! ```
//!
//! # The rooms
//!
//! A room uses rooms on lower levels, never its own level or one above.
//!
//! ```text
//! L6  cli      one file a command: parse arguments, render answers
//! L5  daemon   threads, signals, sockets, the clock: does what the engine asks for
//! L4  engine   step(now, event) -> effects; owns all mutable monitoring state; no I/O, no clock
//! L3  config   YAML as written (with places) -> plan as run (everything resolved and bounded)
//! L2  probe    what can be watched, one file a kind
//!     alert    window, rule, state machine: pure
//!     evidence what is behind a change, gathered by a child process when it happens
//!     notify   mail and hooks: text, outbox, delivery
//!     forward  outlets: what collectors call it, their dialects, the queue for each
//! L1  host     the only door to the observed machine: live, or recorded below a root
//!     parse    text in, struct out: pure
//!     store    the agent's own files: journal, history, lock, cache, secrets
//!     net      the line to other machines: names, sockets with a deadline, TLS, HTTP
//! L0  model    ids, units, readings, states, time, limits
//! ```
//!
//! # What always holds
//!
//! - Time is an argument: below `daemon` nothing asks a clock, so days of windows run in
//!   milliseconds in a test.
//! - The observed machine is an argument: every probe takes a [`host::Host`], so a recorded
//!   machine can stand in for this one.
//! - A probe that may wait for a device or a peer runs in a lane: a thread of a child process that
//!   can be left behind, at most one run outstanding; what is answered from kernel memory is read
//!   on the dispatcher's own wake-up.
//! - A transition and what is to be told about it are durable before the first byte of mail goes
//!   out; if the disk refuses, mail goes out from memory and the refusal is itself reported.
//! - Mail is delivered by a child process with a deadline. No check ever waits for it.
//! - Collectors are served by a process of its own, which is there only where one is configured; what
//!   they do not take waits in a bounded spool, the oldest metrics make room, changes stay.
//! - Everything that grows has a bound with a name, in [`model::limit`].
//! - Nothing here changes what it watches.

pub mod alert;
pub mod cli;
pub mod config;
pub mod daemon;
pub mod engine;
pub mod evidence;
pub mod forward;
pub mod host;
pub mod model;
pub mod net;
pub mod notify;
pub mod parse;
pub mod probe;
pub mod store;
