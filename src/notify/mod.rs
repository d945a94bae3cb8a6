//! Telling a person: what the mail says, the outbox that never loses or reorders it, the delivery.
//!
//! A mail's content is one `page` (from `single`, `list`, `merged` or `digest`), drawn twice: as
//! text (`plain`) and as HTML (`html`). All of that, times (`hours`,
//! `until`) and the queue (`outbox`) are pure. `courier`
//! starts a child process for each delivery; what opens sockets and starts programs (`deliver` and
//! the ways out `smtp`, `sendmail`, `maildir`) runs in that child alone. Hooks go the same way: an
//! `event` is queued like a mail, `webhook` and `program` deliver it.

pub mod advice;
mod backoff;
pub mod contact;
pub mod courier;
pub mod deliver;
pub mod descent;
pub mod digest;
pub mod event;
mod fate;
pub mod fault;
mod gate;
pub mod hook;
pub mod hours;
mod html;
mod line;
mod list;
pub mod mail;
mod maildir;
mod merged;
pub mod mime;
pub mod notice;
pub mod outbox;
mod page;
mod palette;
mod parts;
mod plain;
mod preset;
pub mod program;
pub mod relay;
mod sendmail;
mod single;
mod smtp;
pub mod step;
mod subject;
pub mod text;
pub mod until;
mod webhook;
pub mod when;
mod words;
