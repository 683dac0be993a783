//! Inputs that real exports contain, through the real binary. Each was met by somebody who works with such exports.

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
