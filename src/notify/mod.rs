//! Telling a person: what the mail says, the outbox that never loses or reorders it, the delivery.
//!
//! `text`, `outbox`, `mime` are pure; `deliver` (run in a child process) is the only file here
//! that opens a socket or starts a program.

pub mod contact;
pub mod mail;
pub mod notice;
pub mod outbox;
pub mod relay;
pub mod text;
