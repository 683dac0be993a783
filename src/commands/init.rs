//! shell: `tickler init`.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use super::arguments::{Globals, InitArguments, PlanArguments};
use super::context::Context;
use super::output::{complain, print};
use super::plan;
use crate::disk::{self, Links};
use crate::http::Http;
use crate::sources::SourceTools;
use crate::verbs::init::{Draft, InitAsk, draft};
use crate::verbs::{Exit, VerbError, outbound};
use crate::zones::Zones;

/// Writes a drafted schedule, reports its doubts, and ends with its plan.
pub async fn init(globals: &Globals, ask: InitArguments) -> anyhow::Result<Exit> {
    let context = Context::of(globals)?.at(&ask.now, None)?;
    let folder = context.settings.schedules.clone();
    // paths in a schedule are relative to its folder, which therefore has to exist when the draft is tried
    let is_new = !folder.exists();
    std::fs::create_dir_all(&folder)?;
    let drafted = drafted(globals, ask, &context, &folder).await;
    if is_new {
        let _holds_the_draft = std::fs::remove_dir(&folder);
    }
    drafted
}

async fn drafted(globals: &Globals, ask: InitArguments, context: &Context, folder: &Path) -> anyhow::Result<Exit> {
    let tools = SourceTools {
        http: Http::at_first_use(Arc::clone(&context.clock), outbound(&context.settings)?),
        secrets: context.settings.secrets.clone(),
        runtime: tokio::runtime::Handle::current(),
        answers: crate::sources::http::KeptAnswers::default(),
        inbox: None,
    };
    let (now, zone) = (context.clock.now(), context.zone_of(None).name().to_owned());
    let (source, of_draft) = (ask.source.clone(), folder.to_owned());
    let made = tokio::task::spawn_blocking(move || {
        let zones = Zones::newest();
        let parts =
            InitAsk { source: &source, folder: &of_draft, machine_zone: &zone, now, zones: &zones, tools: &tools };
        draft(&parts)
    });
    let Draft { name, text, doubts } = made.await??;
    let name = match ask.name.as_deref() {
        Some("-") => {
            doubts.iter().for_each(|doubt| complain(&format!("doubt: {doubt}")));
            print(&text)?;
            return Ok(Exit::Done);
        }
        Some(name) => name.trim_end_matches(".toml").to_owned(),
        None => name,
    };
    let path = folder.join(format!("{name}.toml"));
    let written = disk::open_with(&path, Links::Refused, OpenOptions::new().write(true).create_new(true));
    written.and_then(|mut file| file.write_all(text.as_bytes())).map_err(|error| {
        let remedy = "name another one: `tickler init SOURCE NAME`, or `-` for stdout";
        VerbError::Usage(format!("{} can't be written: {error}; {remedy}", path.display()))
    })?;
    complain(&format!("wrote {}", path.display()));
    doubts.iter().for_each(|doubt| complain(&format!("doubt: {doubt}")));
    plan::plan(globals, &PlanArguments { named: vec![name], next: false, diff: None, reveal: false, now: ask.now })
        .await
}
