//! tickler phones people before their appointments.
//!
//! The map of the modules, in the order in which data passes them. A singular name is a stage; a plural name is a set to which you
//! can add a file.
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
//! | [`outcome`] | pure: what became of a call: a record becomes facts, facts become an outcome |
//! | [`notify`] | shell: alerts to people |
//! | [`verbs`] | what an operator can do; called by terminal, socket and page alike |
//! | [`daemon`] | shell: ticks, reload, signals, systemd, control socket |
//! | [`inbound`] | shell: takes records of calls over HTTP |
//! | [`web`] | shell: health over HTTP |
//! | [`sandbox`] | shell: a simulated Thoughtly |
//! | [`commands`] | shell: arguments in, answers printed |
//!
//! [`attempt`] is one try to send a reminder, shared by ledger, targets and delivery; [`reminder`] has the words that all of
//! them share, [`zones`] the arithmetic between wall clocks and instants; [`parallel`] spreads work over a second thread,
//! [`duration`] reads and writes `90s` or `24h`, [`connections`] accepts and limits the connections of every server,
//! [`lines`] wraps sentences to the width of a screen, [`personal`] keeps phones and names out of `Debug` output, [`seeded`] has the maps of many entries.
//!
//! # Glossary
//!
//! | term | meaning |
//! |---|---|
//! | schedule | one file: when to run, where appointments come from, whom to remind, what to send |
//! | nominal time | the instant of a cron pattern for which a run is made; the run itself may start later |
//! | misfire | a nominal time that passed while no service was running; made up for once (`catch_up`), or recorded as missed |
//! | run | one evaluation of a schedule: read, plan, record; sending comes afterwards |
//! | window | the starts that a run plans for, by its leads |
//! | lead | how long before the start a reminder is due: `1d`, `24h` |
//! | sighting, candidate | a row whose start matters to a run; one that passed the rules about its row |
//! | reminder | one call that was planned, known by its key: schedule, appointment id, start, lead |
//! | intent | the committed record that a request is about to be sent; it is on disk before the first byte leaves |
//! | attempt | one request for a reminder: an intent and its settlement |
//! | settlement | where an attempt ended: delivered, failed, refused for now, uncertain |
//! | uncertain | a request may have arrived and nobody can know; never repeated without being announced |
//! | hold | a reason why nothing is sent now: a pause, the `STOP` file, refused credentials, a rate limit |
//! | gate | the one answer to whether something may be sent now, made from all holds |
//! | fresh read | reading a source again before a reminder that has waited is sent |
//! | guard | a check of a whole run; when it fails the run is held and nobody is called |
//! | ledger | runs, reminders, attempts and holds, in one database |
//! | audit log | the append-only, hash-chained record for people, in the same database |
//! | witness | a small file next to the ledger that names the last committed row of the audit log |
//! | gap | a time whose calls a restored or damaged ledger has forgotten |
//! | seal | what a row of the audit log is hashed with and the hash itself: salt, commitment, the hash before it |
//! | version | a schedule's text, known by its hash; the version *in force* is the last one without errors |
//! | floor | a layer of modules; imports go down the floors only, which `tests/architecture.rs` lists and checks |
//! | app | the opened settings, schedules, ledger and clock that every verb works with |
//!
pub mod appointment;
pub mod attempt;
pub mod audit;
pub mod clock;
pub mod commands;
pub mod connections;
pub mod daemon;
pub mod delivery;
pub mod disk;
pub mod duration;
pub mod evaluation;
pub mod formats;
pub mod http;
pub mod inbound;
pub mod ledger;
pub mod lines;
pub mod notify;
pub mod outcome;
pub mod parallel;
pub mod personal;
pub mod plan;
pub mod reminder;
pub mod row;
pub mod sandbox;
pub mod schedule;
pub mod seeded;
pub mod settings;
pub mod sources;
pub mod spelling;
pub mod targets;
pub mod template;
pub mod verbs;
pub mod web;
pub mod zones;
