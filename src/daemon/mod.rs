//! Threads, signals, sockets and the clock: does what the engine asks for.
//!
//! Threads: the dispatcher (this one), and asleep unless needed the scribe (journal), the courier
//! (one delivery child at a time), the detective (one gathering child at a time), the control
//! socket, the console. Processes: a delivery child while mail goes out, a gathering child when
//! something has changed, the lane process where a source may hang, and the forwarding process
//! (with two threads here) where there is an outlet.

#![expect(
    clippy::disallowed_methods,
    reason = "this room is the door to clocks, threads, sockets and this program's own directories"
)]

pub mod clock;
pub mod console;
pub mod control;
pub mod courier;
pub mod detective;
pub mod dispatcher;
pub mod errand;
pub mod forward_process;
pub mod forwarder;
pub mod historian;
pub mod inbox;
pub mod lane;
pub mod lane_process;
pub mod local_mta;
pub mod once;
pub mod paths;
pub mod reach;
pub mod request;
pub mod scribe;
pub mod signals;
pub mod start;
pub mod supervisor;
mod test_hook;
pub mod test_mail;
pub mod watching;
pub mod way_out;
pub mod wire;
pub mod worker;
