//! From observations to states: windows, rules, the state machine. Pure: time is an argument.

pub mod rule;
