//! Integration tests: one binary, one module a subject.
mod architecture;
mod disk;
mod store;
mod store_faults;
