//! Integration tests: one binary, one module a subject.

mod architecture;
mod config;
mod config_generated;
mod config_mutations;
mod delivery;
mod delivery_faults;
mod disk;
mod fixtures;
mod hostile;
mod mail_text;
mod outbox;
mod store;
mod store_faults;
