//! Telling a person: what the mail says, the outbox that never loses or reorders it, the delivery.
//!
//! `text`, `outbox`, `mime` are pure; `deliver` (run in a child process) is the only file here
//! that opens a socket or starts a program.

pub mod contact;
mod list;
pub mod mail;
pub mod mime;
pub mod notice;
pub mod outbox;
pub mod relay;
pub mod text;
pub mod when;
mod words;
