//! Telling a person: what the mail says, the outbox that never loses or reorders it, the delivery.
//!
//! Words (`text`, `words`, `list`, `mime`, `when`) and the queue (`outbox`) are pure. `courier` starts
//! a child process for each delivery; what opens sockets and starts programs (`deliver` and the
//! ways out `smtp`, `sendmail`, `maildir`) runs in that child alone.

mod backoff;
mod clock;
pub mod contact;
pub mod courier;
pub mod deliver;
mod line;
mod list;
pub mod mail;
mod maildir;
pub mod mime;
pub mod notice;
pub mod outbox;
pub mod relay;
mod sendmail;
mod smtp;
pub mod text;
mod tls;
pub mod when;
mod words;
