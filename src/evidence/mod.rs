//! What is behind a change, gathered when it happens: processes, files, sockets, the curve before.
//!
//! Owns the question ([`Inquiry`]) and how each kind's is answered, one file a way of finding out.
//! Runs in a child process that is killed at its deadline, so it may wait; judges nothing and tells
//! nobody. What could not be seen is said where the list is, so that a short list never looks like
//! a quiet machine.

pub mod calendar;
pub mod chart;
pub mod child;
mod cpu;
pub mod curve;
mod deleted;
mod disks;
mod filesystem;
mod heavy;
mod hour;
mod inquiry;
mod io;
mod kernel;
mod links;
mod memory;
mod pace;
mod people;
mod processes;
mod sensors;
pub mod slope;
mod sockets;
mod told;
pub mod trend;
mod waiting;
mod walk;

pub use inquiry::{Inquiry, Measure};
pub use pace::{Pace, RealTime};

use crate::host::Host;
use crate::model::evidence::Evidence;
use crate::model::state::State;
use told::Told;

/// Finds out what is behind a change. `say` gets the whole of what is known each time that more is
/// known, what is quick first; whoever stops this midway has lost only the rest.
pub fn gather(inquiry: &Inquiry, host: &Host, pace: &mut dyn Pace, say: &mut dyn FnMut(Evidence)) {
    let (trend, outlook) = trend::trend(inquiry);
    let before = Evidence { trend, outlook, ..Evidence::default() };
    let mut told = Told::begin(before, say);
    // Of what is good again, nothing that can be seen now says why.
    if inquiry.state == State::Ok {
        return;
    }
    match inquiry.kind.as_str() {
        "cpu" => cpu::gather(inquiry, host, pace, &mut told),
        "load" => cpu::gather_load(host, pace, &mut told),
        "memory" => memory::gather(inquiry, host, pace, &mut told),
        "disk_io" => io::gather(host, pace, &mut told),
        "filesystem" => filesystem::gather(inquiry, host, pace, &mut told),
        "bandwidth" => sockets::gather(inquiry, host, pace, &mut told),
        "nic" | "bond" => links::gather(inquiry, host, pace, &mut told),
        "raid" => disks::gather(inquiry, host, &mut told),
        "temperature" | "fan" | "voltage" | "current" | "power" | "humidity" => {
            sensors::gather(inquiry, host, &mut told);
        }
        _ => {}
    }
}
