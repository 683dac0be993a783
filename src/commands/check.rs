//! shell: `tickler check`.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::arguments::{CheckArguments, Format, Globals};
use super::context::Context;
use super::dispatch;
use super::output::{Rows, Shown, print};
use super::table::{Screen, Table, sentence, words};
use crate::audit::words::counted;
use crate::http::Http;
use crate::schedule::problems::{Paint, Severity};
use crate::settings::SecretRef;
use crate::sources::SourceTools;
use crate::verbs::check::{CheckAsk, CheckReach, CheckReport, ColumnReport, Files, Warnings, check as examine};
use crate::verbs::outbound;
use crate::verbs::secrets::ServiceSecrets;
use crate::verbs::{Exit, VerbError};
use crate::zones::Zones;

/// Reports every problem of every file.
pub async fn check(globals: &Globals, ask: CheckArguments) -> anyhow::Result<Exit> {
    let context = Context::of(globals)?;
    let paint = if context.environment.wants_no_color() || !std::io::stdout().is_terminal() {
        Paint::Plain
    } else {
        Paint::Coloured
    };
    let (format, screen, connects) = (context.format, context.screen, ask.connect);
    let tools = SourceTools {
        http: Http::at_first_use(Arc::clone(&context.clock), outbound(&context.settings)?),
        secrets: context.settings.secrets.clone(),
        runtime: tokio::runtime::Handle::current(),
        answers: crate::sources::http::KeptAnswers::default(),
        inbox: None,
    };
    let files = match ask.paths.as_slice() {
        [] => Files::Folder(context.settings.schedules.clone()),
        paths => Files::Paths(paths.iter().map(|path| named(path, &context.settings.schedules)).collect()),
    };
    // on a thread of its own: it reads files and, with `--connect`, waits for hosts
    let report = tokio::task::spawn_blocking(move || report(&context, &ask, files, &tools)).await??;
    show(&report, (format, screen), paint)?;
    if connects && report.ok && matches!(format, None | Some(Format::Table)) {
        print("every source was read, and every target's host answered")?;
    }
    Ok(if report.ok { Exit::Done } else { Exit::Configuration })
}

/// A path, or the file of the schedule with this name.
fn named(path: &Path, schedules: &Path) -> PathBuf {
    let file = schedules.join(path).with_extension("toml");
    let is_name = path.components().count() == 1 && path.extension().is_none() && !path.exists();
    if is_name && file.is_file() { file } else { path.to_owned() }
}

fn report(
    context: &Context,
    ask: &CheckArguments,
    files: Files,
    tools: &SourceTools,
) -> Result<CheckReport, VerbError> {
    if let Files::Folder(folder) = &files
        && let Err(error) = std::fs::read_dir(folder)
    {
        let folder = folder.display();
        return Err(VerbError::Configuration(format!("the schedules' folder {folder} can't be read: {error}")));
    }
    let has = |secret: &SecretRef| {
        let asked = dispatch::seen_by_service(context, vec![secret.clone()]);
        tools.runtime.block_on(asked).contains(secret)
    };
    Ok(examine(&CheckAsk {
        files,
        reach: if ask.connect { CheckReach::Connect } else { CheckReach::Local },
        warnings: if ask.deny_warnings { Warnings::Denied } else { Warnings::Allowed },
        now: context.clock.now(),
        zones: &Zones::newest(),
        tools,
        accounts: &context.settings.accounts,
        service: ServiceSecrets { has: &has },
        takes_posts: context.settings.inbound_listen.is_some(),
    }))
}

fn show(report: &CheckReport, (format, screen): (Option<Format>, Screen), paint: Paint) -> anyhow::Result<()> {
    if format == Some(Format::Jsonl) {
        let problems: Vec<_> = report.problems.iter().map(crate::schedule::problems::Problem::placed).collect();
        return Shown { answer: &problems, people: &String::new, rows: &Rows::default }.print(format);
    }
    if matches!(format, None | Some(Format::Table)) {
        return print(&for_people(report, screen, paint)); // with its colours; frames are harmless by themselves
    }
    let people = String::new;
    Shown { answer: &report.to_json(), people: &people, rows: &|| rows(report) }.print(format)
}

/// Every problem as a code frame, what the columns hold, and a summary.
fn for_people(report: &CheckReport, screen: Screen, paint: Paint) -> String {
    let mut blocks: Vec<String> =
        report.problems.iter().map(|problem| problem.frame_within(paint, screen.columns())).collect();
    for columns in report.columns.chunk_by(|one, other| one.file == other.file) {
        let mut table = Table::of(&[
            words("key"),
            words("column"),
            words("empty"),
            words("unreadable"),
            sentence("examples").below(2),
            sentence("format").below(3),
        ]);
        columns.iter().for_each(|column| table.push(cells(column)));
        let (file, rows) = columns.first().map(|column| (column.file.as_str(), column.rows)).unwrap_or_default();
        blocks.push(format!("{file} maps these columns, in {}:\n{}", counted(rows, "row", "rows"), table.fit(screen)));
    }
    blocks.push(report.summary());
    blocks.join("\n\n")
}

fn cells(column: &ColumnReport) -> Vec<String> {
    // a value between backticks stays in one line
    let examples: Vec<String> = column.samples.iter().map(|sample| format!("`{sample}`")).collect();
    vec![
        column.key.to_owned(),
        format!("`{}`", column.column),
        column.empty.to_string(),
        column.failed.to_string(),
        examples.join(", "),
        column.format.clone().unwrap_or_default(),
    ]
}

fn rows(report: &CheckReport) -> Rows {
    let mut rows = Rows::of(&["severity", "code", "file", "line", "column", "message", "help"]);
    for problem in &report.problems {
        let placed = problem.placed();
        rows.push(vec![
            match placed.severity {
                Severity::Error => "error".to_owned(),
                Severity::Warning => "warning".to_owned(),
            },
            placed.code.to_owned(),
            placed.file,
            placed.line.to_string(),
            placed.column.to_string(),
            placed.message,
            placed.help.unwrap_or_default(),
        ]);
    }
    rows
}
