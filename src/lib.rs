//! tickler phones people before their appointments.
//!
//! The map of the modules, in the order in which data passes them. A module with a singular name is a stage; one with a plural name
//! is a set to which you can add a file. *Pure* code only computes and takes the time as an argument, and *pure, on
//! threads* code spreads that over threads and gives what one thread would; *shell* code reads clocks and files, uses the network, or
//! starts threads.
//!
//! | module | what happens there |
//! |---|---|
//! | [`clock`] | shell: the only reader of time |
//! | [`disk`] | shell: opens regular files, and refuses pipes, devices and the like |
//! | [`settings`] | shell: `tickler.toml`, the environment, secrets |
//! | [`schedule`] | pure: a file becomes a checked [`schedule::Schedule`], or problems with their place and remedy |
//! | [`sources`] | shell: where appointments come from (a file, SQLite, HTTP, posted requests) |
//! | [`formats`] | pure: bytes become rows |
//! | [`spelling`] | pure: the known name that a misspelt one was likely meant to be |
//! | [`row`] | pure: one record of a source, types kept |
//! | [`appointment`] | pure: a row becomes an appointment, or a reason why not |
//! | [`plan`] | pure: the rules in their order decide who is called, when, and why not |
//! | [`template`] | pure: expressions and payload trees become JSON |
//! | [`evaluation`] | shell: makes a run, by calling these stages in turn: read → map → plan → render → record |
//! | [`ledger`] | shell: the database of what was planned and sent, and how it ended |
//! | [`delivery`] | shell: sends what is due: take it from the ledger → send → judge the answer → record that |
//! | [`targets`] | shell: a payload becomes a request, a response becomes facts |
//! | [`http`] | shell: the only HTTP client of the program |
//! | [`audit`] | pure: the events of the audit log, filters, all that happened to one appointment |
//! | [`outcome`] | pure: what became of a call: a record becomes facts, facts become an outcome |
//! | [`notify`] | shell: alerts to people |
//! | [`verbs`] | what an operator can do; called by terminal, socket and page alike |
//! | [`daemon`] | shell: ticks, reload, signals, systemd, control socket |
//! | [`inbound`] | shell: takes records of calls, and requests for calls, over HTTP |
//! | [`web`] | shell: the page for people, and health and metrics for machines |
//! | [`sandbox`] | shell: a simulated Thoughtly |
//! | [`commands`] | shell: the command line: reads arguments, prints answers |
//!
//! Several stages use these: [`attempt`] describes one try to send a reminder; [`reminder`] has the words that all stages share;
//! [`zones`] converts between wall clocks and instants; [`parallel`] spreads work over a second thread; [`duration`] reads and writes
//! `90s` or `24h`; [`connections`] accepts and limits the connections of every server; [`lines`] wraps sentences to the width of a
//! screen; [`personal`] keeps phones and names out of `Debug` output; [`seeded`] has fast hash maps, which nobody outside can slow
//! down by chosen keys.
//!
//! # Glossary
//!
//! | term | meaning |
//! |---|---|
//! | schedule | one file: when to run, where appointments come from, whom to remind, what to send |
//! | nominal time | an instant that the schedule's cron line names; the run for it may start later |
//! | passed time | a nominal time that passed while no service was running: one run makes up for it (`catch_up`), or it is recorded as missed |
//! | run | one evaluation of a schedule: read, plan, record; sending comes afterwards |
//! | lead | how long before the start a reminder is due: `1d`, `24h` |
//! | window | the range of starts that a run plans for; it follows from the schedule's leads |
//! | sighting | a row that may lie in the window of a run: its start does, or can't be read |
//! | candidate | a sighting with one of its leads that has passed the rules about single rows; rules about several rows follow |
//! | reminder | one call that was planned, known by its key: schedule, appointment id, start, lead |
//! | intent | the committed record that a request is about to be sent; it is on disk before the first byte leaves |
//! | attempt | one request for a reminder: an intent and its settlement |
//! | settlement | how an attempt ended: delivered, failed, refused for now, uncertain |
//! | uncertain | the fate of a reminder whose request may have arrived, which nobody can know; it is never silently sent again |
//! | merge | one call for several appointments of a person that are due on the same day; its payload names the other appointments |
//! | label | how lists name an appointment: `appointment.label`, filled with its row |
//! | opt-out list | the numbers that nobody calls any more, whatever a source says |
//! | record | what the other side says of one call, posted by it (a *report*) or found when it is asked (a *poll*) |
//! | sign | an outcome or a sign of life that a record brings; accepted calls without any are an alert |
//! | outcome | what became of a call that was made: confirmed, declined, nobody answered |
//! | retry | another call after one that nobody answered, planned as a reminder of its own; a call and its retries are a chain |
//! | write-back | an outcome that is sent to the system from which the appointment comes |
//! | canary | a call to the operator's own phone that shows whether records of calls still arrive |
//! | request, post | a call that somebody asks for by HTTP (`[source.inbound]`), instead of an appointment that is read |
//! | inbox | the requests that were posted, as the ledger keeps them; for a run they are rows of a source |
//! | shadow mode | a schedule is planned and its calls are only written down, while another system still makes them |
//! | rehearsed call | a call that shadow mode wrote down |
//! | trial | a delivery that a simulated Thoughtly (the sandbox) accepted: nobody was phoned; also work with `--now` or `--trial`, in a ledger of its own |
//! | first sight | the first evaluation that saw an appointment: it shows what was booked late |
//! | watched lead | a lead for which evaluations write down first sights, and since when |
//! | hold | a reason why nothing is sent now: a pause, the `STOP` file, refused credentials, a rate limit |
//! | gate | the answer to whether something may be sent now, made from all holds |
//! | lane | a schedule that may send, with its account's rate limit and the number of requests that it may add |
//! | brake | what may still stop a request whose intent is committed: a clock, a pause, the `STOP` file |
//! | nudge | a word to the sender that something may be due, so that it asks the ledger at once |
//! | fresh read | reading a source again before a reminder that has waited is sent |
//! | guard | a check of a whole run; when it fails the run is held and nobody is called |
//! | held | of a run: a guard keeps it until a person decides. In the code of the ledger, `held` is also a reminder that it holds |
//! | ledger | runs, reminders, attempts and holds, in one database |
//! | question | what the ledger is asked without changing it; whoever only looks is given its `Questions` and nothing else |
//! | audit log | the append-only, hash-chained record for people, in the same database |
//! | witness | a small file next to the ledger that names the last committed row of the audit log |
//! | gap | a time whose calls a restored or damaged ledger has forgotten |
//! | seal | what a row of the audit log is hashed with and the hash itself: salt, commitment, the hash before it |
//! | version | the text of a schedule's file, known by its hash; the version *in force* is the last one without errors |
//! | cursor | the instant up to which a schedule's nominal times were dealt with |
//! | floor | a layer of modules: a module imports from lower floors only. `tests/architecture.rs` lists the floors and checks it |
//! | verb | something that an operator can have done, such as `plan` or `pause` |
//! | app | the opened settings, schedules, ledger and clock that every verb works with |
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
