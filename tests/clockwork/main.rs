//! When schedules fire: every zone's every change of ten years against a second opinion, and the known traps by name.

mod named;
mod oracle;
mod patterns;
mod property;
