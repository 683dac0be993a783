//! tickler phones people before their appointments.
//!
//! The map, in the order data flows. A singular name is a stage, a plural one an extension point (add a file there).
//! *Pure* code decides over values and takes `now` as an argument; *shell* code touches the world.
//!
//! | module | what happens there |
//! |---|---|
//! | [`clock`] | shell: the only reader of time |
//! | [`disk`] | shell: opens regular files, and nothing else |
//! | [`settings`] | shell: `tickler.toml`, the environment, secrets |
//! | [`schedule`] | a file becomes a checked [`schedule::Schedule`], or problems with their place and remedy |
//! | [`sources`] | shell: where bytes come from (a file, SQLite, HTTP) |
//! | [`formats`] | pure: bytes become rows |
//! | [`spelling`] | pure: the known name that a misspelt one was likely meant to be |
//! | [`row`] | pure: one record of a source, types kept |
//! | [`appointment`] | pure: a row becomes an appointment, or a reason why not |
//! | [`plan`] | pure: the rules in their order decide who is called, when, and why not |
//! | [`template`] | pure: expressions and payload trees become JSON |
//! | [`evaluation`] | shell: the conductor: read → map → plan → render → record |
//! | [`ledger`] | shell: what was planned, tried and settled; never twice, never lost |
//! | [`delivery`] | shell: take intents → send → classify → settle |
//! | [`targets`] | a payload becomes a request, a response becomes facts |
//! | [`http`] | shell: the one way out |
//! | [`audit`] | pure: events, filters, the story of one appointment |
//! | [`notify`] | shell: telling people outside |
//! | [`verbs`] | what an operator can do; called by terminal, socket and page alike |
//! | [`daemon`] | shell: heartbeat, reload, signals, systemd, control socket |
//! | [`web`] | shell: health, told over HTTP |
//! | [`sandbox`] | shell: a simulated Thoughtly |
//! | [`commands`] | shell: arguments in, answers printed |
//!
//! [`attempt`] is one try to send a reminder, shared by ledger, targets and delivery. [`reminder`] is the vocabulary all of
//! them share, [`zones`] the arithmetic between wall clocks and instants, [`parallel`] spreads work over a second thread.

pub mod appointment;
pub mod attempt;
pub mod audit;
pub mod clock;
pub mod commands;
pub mod daemon;
pub mod delivery;
pub mod disk;
pub mod evaluation;
pub mod formats;
pub mod http;
pub mod ledger;
pub mod notify;
pub mod parallel;
pub mod plan;
pub mod reminder;
pub mod row;
pub mod sandbox;
pub mod schedule;
pub mod settings;
pub mod sources;
pub mod spelling;
pub mod targets;
pub mod template;
pub mod verbs;
pub mod web;
pub mod zones;
