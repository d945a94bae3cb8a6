//! The line to other machines: names looked up, sockets with a deadline for the whole, TLS and whom
//! it believes, HTTP.
//!
//! Must not know: what is said there, mail or metrics, and what an answer means for it.

pub mod clock;
pub mod http;
pub mod route;
pub mod socket;
pub mod tls;
mod transport;
