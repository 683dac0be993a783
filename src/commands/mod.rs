//! shell: the terminal: parses arguments and prints answers, with one file per verb.

mod account;
mod arguments;
mod audit;
mod audit_export;
mod audit_reveal;
mod audit_stats;
mod backup;
mod cancel;
mod check;
mod compare;
mod completions;
mod config;
mod context;
mod demo;
mod dispatch;
mod doctor;
mod explain;
mod filters;
mod forget;
mod held;
mod held_arguments;
mod help;
mod ids;
mod inbound;
mod inbound_arguments;
mod init;
mod ledger;
mod manual;
mod next;
mod notify;
mod optout;
mod optout_arguments;
mod outcome;
mod outcome_arguments;
mod output;
mod page;
mod page_arguments;
mod pager;
mod pause;
mod plan;
mod plan_csv;
mod plan_diff;
mod progress;
mod reload;
mod restore;
mod run;
mod sandbox;
mod sandbox_arguments;
mod schedule_tests;
mod schema;
mod simulate;
mod status;
mod table;
mod test_call;
#[cfg(test)]
mod tests;
mod trigger;
mod uncertain;

use std::process::ExitCode;

use clap::Parser;

use crate::appointment::phone;
use crate::verbs::forget::ForgetAsk;
use crate::verbs::{Exit, VerbError};
use arguments::{Arguments, ContactsVerb, NotifyVerb, ServiceVerb, Verb};

/// Reads the arguments, does what they ask, prints the answer; errors go to stderr as one chain with the remedy.
#[must_use]
pub fn main() -> ExitCode {
    forbid_core_files();
    let arguments = Arguments::parse();
    if matches!(arguments.verb, Verb::Trigger(_) | Verb::Plan(_)) {
        // in parallel with opening the ledger; without a thread, the first phone number loads them
        let _optional = std::thread::Builder::new().spawn(phone::load_plans);
    }
    let mut threads = tokio::runtime::Builder::new_multi_thread();
    if let Verb::Trigger(_) = arguments.verb {
        threads.worker_threads(trigger_workers());
    }
    match threads.enable_all().build() {
        Ok(runtime) => {
            // on a worker thread: waking the thread that blocks here would cost a system call per request
            let ended = runtime.block_on(runtime.spawn(perform(arguments)));
            // doesn't wait for blocking reads that were given up
            runtime.shutdown_background();
            end(ended.unwrap_or_else(|broken| std::panic::resume_unwind(broken.into_panic())))
        }
        Err(error) => end(Err(anyhow::Error::new(error).context("the program can't start its threads"))),
    }
}

/// Disables core files: they would contain names, numbers and secrets. The hard limit stays, so that a child process may enable
/// them.
fn forbid_core_files() {
    let hard = rustix::process::getrlimit(rustix::process::Resource::Core).maximum;
    let none = rustix::process::Rlimit { current: Some(0), maximum: hard };
    // it can't fail: a soft limit may always be lowered
    let _lowered = rustix::process::setrlimit(rustix::process::Resource::Core, none);
}

/// One core is left to the ledger's writer, which is as busy as the requests; with one core they share it.
fn trigger_workers() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    cores.saturating_sub(1).max(1)
}

fn end(ended: anyhow::Result<Exit>) -> ExitCode {
    match ended {
        Ok(exit) => ExitCode::from(exit.code()),
        Err(error) => {
            output::complain(&format!("error: {error:#}"));
            ExitCode::from(error.downcast_ref::<VerbError>().map_or(Exit::Failed, VerbError::exit).code())
        }
    }
}

async fn perform(arguments: Arguments) -> anyhow::Result<Exit> {
    let globals = &arguments.globals;
    match arguments.verb {
        Verb::Run(ask) => run::run(globals, &ask).await,
        Verb::Check(ask) => check::check(globals, ask).await,
        Verb::Plan(ask) => plan::plan(globals, &ask).await,
        Verb::Explain(ask) => explain::explain(globals, &ask).await,
        Verb::Trigger(ask) => trigger::trigger(globals, ask).await,
        Verb::Next(ask) => next::next(globals, &ask).await,
        Verb::Status => status::status(globals).await,
        Verb::Reload => reload::reload(globals).await,
        Verb::Audit(ask) => audit::audit(globals, ask).await,
        Verb::Uncertain(ask) => uncertain::uncertain(globals, ask).await,
        Verb::Approve(ask) => held::approve(globals, ask).await,
        Verb::Reject(ask) => held::reject(globals, ask).await,
        Verb::Cancel(ask) => cancel::cancel(globals, ask).await,
        Verb::Forget { phone, remote } => forget::forget(globals, ForgetAsk { phone, remote }).await,
        Verb::Page { verb } => page::page(globals, verb).await,
        Verb::Pause(ask) => pause::pause(globals, ask).await,
        Verb::Resume(ask) => pause::resume(globals, ask).await,
        Verb::TestCall(ask) => test_call::test_call(globals, ask).await,
        Verb::Sandbox(ask) => sandbox::sandbox(globals, ask).await,
        Verb::Demo => demo::demo(globals).await,
        Verb::Backup { file } => backup::backup(globals, file).await,
        Verb::Ledger { verb } => ledger::ledger(globals, verb).await,
        Verb::Restore { file, now } => restore::restore(globals, file, now).await,
        Verb::Doctor => doctor::doctor(globals).await,
        Verb::Service { verb: ServiceVerb::Print } => doctor::print_unit(),
        Verb::Agents(ask) => account::agents(globals, &ask).await,
        Verb::Contacts { verb: ContactsVerb::Find(ask) } => account::find(globals, &ask).await,
        Verb::Notify { verb: NotifyVerb::Test } => notify::test(globals).await,
        Verb::Help { topic, markdown } => help::help(&topic, markdown),
        Verb::Config => config::config(globals),
        Verb::Schema => schema::schema(),
        Verb::Completions { shell } => completions::completions(shell),
        Verb::Man { folder } => manual::manual(folder.as_deref()),
        Verb::Optout { verb } => optout::optout(globals, verb).await,
        Verb::Outcome { verb } => outcome::outcome(globals, verb).await,
        Verb::Inbound { verb } => inbound::inbound(globals, verb).await,
        Verb::Init(ask) => init::init(globals, ask).await,
        Verb::Simulate(ask) => simulate::simulate(globals, &ask).await,
        Verb::Test(ask) => schedule_tests::test(globals, ask).await,
    }
}
