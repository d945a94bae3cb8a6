//! The words of the field as types: ids, units, readings, states, time, limits.
//!
//! Owns no behaviour beyond parsing and printing its own values; knows no file, clock or thread.

pub mod base64;
pub mod batch;
pub mod daytime;
pub mod evidence;
pub mod exit;
pub mod finding;
pub mod history;
pub mod id;
pub mod kind;
pub mod limit;
pub mod reading;
pub mod state;
pub mod text;
pub mod time;
pub mod unit;
