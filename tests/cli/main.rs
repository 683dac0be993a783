//! The real binary: what it prints for programs, and how it ends.

mod accounts;
mod ahead;
mod asking;
mod backlog;
mod closed_days;
mod doctor;
mod drafting;
mod forgetting;
mod guards;
mod late;
mod one_table;
mod optouts;
mod outcomes;
mod people;
mod plan_diff;
mod records;
mod restoring;
mod reviewing;
mod schedule_tests;
mod screens;
mod sending;
mod shadow;
mod shapes;
mod simulate;
#[path = "../support/mod.rs"]
mod support;
mod terminal;
mod trials;
mod weekly;

use support::clinic;
