//! What real exports hold, through the real binary: each input was met by somebody who does this job.

mod apis;
mod bounds;
mod cells;
mod checking;
mod expressions;
mod limits;
mod mistakes;
mod operators;
mod phones;
mod queries;
mod server;
#[path = "../support/mod.rs"]
mod support;
mod tables;
mod written_zone;
