//! From observations to states: windows, rules, the state machine. Pure: time is an argument.

pub mod flap;
pub mod judge;
pub mod machine;
pub mod rule;
pub mod window;
pub mod words;
