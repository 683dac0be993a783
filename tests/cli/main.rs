//! The real binary: what it prints for programs, and how it ends.

mod accounts;
mod ahead;
mod asking;
mod backlog;
mod closed_days;
mod doctor;
mod drafting;
mod guards;
mod late;
mod one_table;
mod optouts;
mod outcomes;
mod people;
mod records;
mod restoring;
mod schedule_tests;
mod screens;
mod sending;
mod shadow;
mod simulate;
#[path = "../support/mod.rs"]
mod support;
mod terminal;
mod trials;

use support::clinic;
