//! The plan from rows to decisions: every rule and their order, what a read proves about pending reminders, persons.

mod calendar;
mod cases;
mod changes;
mod edges;
mod field;
mod guards;
mod late;
mod many;
mod merge;
mod oracle;
mod properties;
mod reasons;
mod rules;
mod world;
