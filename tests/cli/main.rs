//! The real binary: what it prints for programs, and how it ends.

mod asking;
mod backlog;
mod clinic;
mod records;
mod restoring;
mod sending;
