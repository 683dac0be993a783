//! pure: what each page shows, decided from what was read; the templates beside it only lay it out.

pub mod appointment;
pub mod calls;
pub mod charts;
pub mod failure;
pub mod frame;
pub mod held;
pub mod links;
pub mod moments;
pub mod not_called;
pub mod optouts;
pub mod outcomes;
pub mod overview;
pub mod people;
pub mod plan;
pub mod prose;
pub mod queue;
pub mod rows;
pub mod schedules;
pub mod signing;
pub mod standing;
pub mod strip;
pub mod wording;
