//! Integration tests: one binary, one module a subject.
mod architecture;
mod config;
mod disk;
mod mail_text;
mod store;
mod store_faults;
