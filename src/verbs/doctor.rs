//! shell: checks what the program depends on: clock, zone rules, folder, sources, ledger, credentials, reachability, unit.

mod ledger_folder;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use url::Url;

use ledger_folder::{modes, trial};

use super::account::unknown_agent;
use super::secrets::{self, SeenByService};
use super::{Access, Answer, App, Exit, VerbError};
use crate::clock::SharedClock;
use crate::disk::{self, Links};
use crate::evaluation::clock_is_set;
use crate::http::{HttpRequest, Sent};
use crate::schedule::{HttpAuth, HttpSpec, Schedule, SourceSpec, TargetSpec};
use crate::settings::{Account, SecretError, SecretRef, Settings};
use crate::targets;
use crate::targets::account::{AccountApi, AccountError, AccountFault};

/// Maximum time of a request to a host.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// Where a unit of this name may be installed.
const UNITS: [&str; 3] = [
    "/etc/systemd/system/tickler.service",
    "/usr/lib/systemd/system/tickler.service",
    "/lib/systemd/system/tickler.service",
];

/// What `ProtectHome` hides from a service.
const HIDDEN_HOMES: [&str; 3] = ["/home", "/root", "/run/user"];

/// What `PrivateTmp` replaces for a service.
const PRIVATE_TMP: [&str; 2] = ["/tmp", "/var/tmp"];

/// The result of one check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DoctorVerdict {
    /// Everything is as it should be.
    Ok,
    /// A person should look at it.
    Warning,
    /// Because of it, somebody is not called.
    Problem,
}

/// The result of one check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What: `clock`, `zones`, `schedules`, `source`, `ledger`, `credentials`, `reachability`, `agent`, `unit`.
    pub subject: String,
    /// How it was found.
    pub verdict: DoctorVerdict,
    /// A sentence with the remedy.
    pub detail: String,
}

/// The results of all checks.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DoctorAnswer {
    /// No problem was found.
    pub ok: bool,
    /// What was found, in the order of the checks.
    pub findings: Vec<Finding>,
}

impl DoctorAnswer {
    /// How the verb ends: 1 when a problem was found.
    #[must_use]
    pub const fn exit(&self) -> Exit {
        if self.ok { Exit::Done } else { Exit::Failed }
    }
}

impl From<DoctorAnswer> for Answer {
    fn from(answer: DoctorAnswer) -> Self {
        Self::of(answer.exit(), &answer)
    }
}

fn finding(subject: &str, verdict: DoctorVerdict, detail: impl Into<String>) -> Finding {
    Finding { subject: subject.to_owned(), verdict, detail: detail.into() }
}

impl DoctorAnswer {
    fn of(findings: Vec<Finding>) -> Self {
        let ok = findings.iter().all(|finding| finding.verdict != DoctorVerdict::Problem);
        Self { ok, findings }
    }
}

/// Makes all checks, including those of what keeps an app from being opened.
pub async fn examine(settings: Settings, clock: SharedClock, actor: &str, seen: &SeenByService) -> DoctorAnswer {
    let shut = match App::open(settings.clone(), Arc::clone(&clock), Access::Reading, actor).await {
        Ok(app) => return doctor(&app, seen).await,
        Err(shut) => shut,
    };
    let subject = if matches!(shut, VerbError::Ledger(_)) { "ledger" } else { "schedules" };
    let shut = finding(subject, DoctorVerdict::Problem, shut.to_string());
    let mut findings = match App::open(settings, clock, Access::None, actor).await {
        Ok(app) => doctor(&app, seen).await.findings,
        Err(_the_folder_it_was) => Vec::new(),
    };
    findings.push(shut);
    DoctorAnswer::of(findings)
}

/// Makes all checks; the app may be without a ledger. `seen` are secrets that the running service has and this process has
/// not.
pub async fn doctor(app: &App, seen: &SeenByService) -> DoctorAnswer {
    let mut findings = vec![clock(app), zones(app), folder(app)];
    findings.extend(ledger(app).await);
    for schedule in app.folder().schedules.values() {
        findings.extend(source(schedule));
        findings.extend(credentials(app, schedule, seen));
    }
    findings.extend(reachability(app).await);
    findings.extend(unused_proxy(app));
    findings.push(unit(app));
    DoctorAnswer::of(findings)
}

fn clock(app: &App) -> Finding {
    let clock = app.env.clock.as_ref();
    let now = clock.now().strftime("%Y-%m-%dT%H:%M:%SZ");
    if clock_is_set(clock) {
        finding("clock", DoctorVerdict::Ok, format!("it reads {now}"))
    } else {
        let detail = format!("it reads {now}, which can't be: nobody is called; set it (timedatectl set-ntp true)");
        finding("clock", DoctorVerdict::Problem, detail)
    }
}

fn zones(app: &App) -> Finding {
    let version = app.env.zones.version();
    match years_behind(version, app.env.clock.now()) {
        Some(years) if years > 1 => {
            let detail = format!(
                "the zone rules are of {version}: governments may have changed theirs since; update tzdata or tickler"
            );
            finding("zones", DoctorVerdict::Warning, detail)
        }
        Some(_) | None => finding("zones", DoctorVerdict::Ok, format!("rules of {version}")),
    }
}

/// A version of the zone rules begins with its year: `2026f`.
fn years_behind(version: &str, now: Timestamp) -> Option<i16> {
    let year: i16 = version.get(..4)?.parse().ok()?;
    Some(jiff::tz::TimeZone::UTC.to_datetime(now).year() - year)
}

fn folder(app: &App) -> Finding {
    let folder = app.folder();
    let place = app.settings.schedules.display();
    if let Some(fault) = &folder.fault {
        return finding("schedules", DoctorVerdict::Problem, fault);
    }
    match (folder.refused.as_slice(), folder.schedules.len()) {
        ([], 0) => finding("schedules", DoctorVerdict::Warning, format!("{place} holds no schedule: nobody is called")),
        ([], count) => finding("schedules", DoctorVerdict::Ok, format!("{count} in {place}")),
        (refused, _) => {
            let detail = format!("refused: {}; `tickler check` shows why", refused.join(", "));
            finding("schedules", DoctorVerdict::Problem, detail)
        }
    }
}

async fn ledger(app: &App) -> Vec<Finding> {
    let path = &app.settings.ledger;
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut findings = vec![modes(parent, 0o700), modes(path, 0o600)];
    if parent.is_dir() {
        findings.push(trial(parent));
    }
    if let Some(path) = app.machine().stop_file {
        let detail = format!("{} is there: nobody is called until it is removed", path.display());
        findings.push(finding("ledger", DoctorVerdict::Problem, detail));
    }
    if let Some(ledger) = &app.env.ledger
        && let Err(error) = ledger.head().await
    {
        findings.push(finding("ledger", DoctorVerdict::Problem, error.to_string()));
    }
    findings
}

fn source(schedule: &Schedule) -> Option<Finding> {
    let path = match &schedule.source {
        // which file a pattern means is known by the read alone
        SourceSpec::File(file) if file.pattern.is_some() => return None,
        SourceSpec::File(file) => &file.path,
        SourceSpec::Sqlite(sqlite) => &sqlite.path,
        SourceSpec::Http(_) | SourceSpec::Inbound(_) => return None,
    };
    let path = absolute(path);
    let name = &schedule.name;
    let place = path.display();
    if let Err(why) = readable(&path) {
        return Some(finding("source", DoctorVerdict::Problem, format!("{name}: {place} can't be read: {why}")));
    }
    let (verdict, detail) = match sandbox_directive(&path) {
        Some(directive) => (
            DoctorVerdict::Warning,
            format!(
                "{name}: {place} is hidden by {directive} of the systemd unit: the service can't see it; move it to \
                 /srv, or add BindReadOnlyPaths={place}"
            ),
        ),
        None => (DoctorVerdict::Ok, format!("{name}: {place} can be read")),
    };
    Some(finding("source", verdict, detail))
}

/// Whether it is a file that this process may read; does not wait for a pipe.
fn readable(path: &Path) -> Result<(), String> {
    disk::open(path, Links::Followed).map(drop).map_err(|error| error.to_string())
}

fn absolute(path: &Path) -> PathBuf {
    std::fs::canonicalize(path).or_else(|_| std::path::absolute(path)).unwrap_or_else(|_| path.to_owned())
}

/// The directive of the unit that hides this path from the service.
fn sandbox_directive(path: &Path) -> Option<&'static str> {
    let lies_in = |folders: &[&str]| folders.iter().any(|folder| path.starts_with(folder));
    if lies_in(&HIDDEN_HOMES) {
        Some("ProtectHome")
    } else if lies_in(&PRIVATE_TMP) {
        Some("PrivateTmp")
    } else {
        None
    }
}

fn credentials(app: &App, schedule: &Schedule, seen: &SeenByService) -> Vec<Finding> {
    let name = &schedule.name;
    let unset = secrets::of(schedule, &app.settings);
    let unset: Vec<SecretRef> =
        unset.into_iter().filter(|secret| app.settings.secrets.resolve(secret).is_err()).collect();
    if !unset.is_empty() && unset.iter().all(|secret| seen.contains(secret)) {
        let detail = format!("{name}: the running service has every secret; {} of them are not set here", unset.len());
        return vec![finding("credentials", DoctorVerdict::Ok, detail)];
    }
    let mut problems = Vec::new();
    if let Err(error) = targets::open(schedule, account_of(app, schedule), &app.settings.secrets) {
        problems.push(error.to_string());
    }
    if let SourceSpec::Http(http) = &schedule.source {
        problems.extend(secrets_of(http, app).into_iter().filter_map(|found| found.err().map(|e| e.to_string())));
    }
    if problems.is_empty() {
        return vec![finding("credentials", DoctorVerdict::Ok, format!("{name}: every secret is set"))];
    }
    problems
        .into_iter()
        .map(|problem| finding("credentials", DoctorVerdict::Problem, format!("{name}: {problem}")))
        .collect()
}

fn account_of<'a>(app: &'a App, schedule: &Schedule) -> Option<&'a Account> {
    app.settings.accounts.get(schedule.target.account())
}

fn secrets_of(http: &HttpSpec, app: &App) -> Vec<Result<SecretString, SecretError>> {
    let secrets = &app.settings.secrets;
    let mut found = vec![secrets.text(&http.url)];
    found.extend(http.headers.iter().map(|(_, value)| secrets.text(value)));
    match &http.auth {
        Some(HttpAuth::Bearer(token)) => found.push(secrets.resolve(token)),
        Some(HttpAuth::Basic { user, password }) => found.extend([secrets.text(user), secrets.resolve(password)]),
        Some(HttpAuth::OAuth2(spec)) => {
            found.extend([secrets.text(&spec.token_url), secrets.text(&spec.client_id)]);
            found.extend(spec.secrets().map(|secret| secrets.resolve(secret)));
        }
        None => {}
    }
    found
}

/// Checks every host once: Thoughtly by its list of agents, which needs the credentials; others by their root path, which calls
/// nobody.
async fn reachability(app: &App) -> Vec<Finding> {
    let mut asked = std::collections::BTreeSet::new();
    let mut findings = Vec::new();
    for schedule in app.folder().schedules.values() {
        let account = account_of(app, schedule);
        let Ok(target) = targets::open(schedule, account, &app.settings.secrets) else { continue };
        if !asked.insert((target.origin(), schedule.target.account().to_owned())) {
            continue;
        }
        match &schedule.target {
            TargetSpec::Call { account, .. } => {
                let schedules: Vec<_> = app.folder().schedules.values().cloned().collect();
                findings.extend(agents(app, account, &schedules).await);
            }
            TargetSpec::Automation { .. } | TargetSpec::Webhook(_) => {
                findings.push(front_door(app, &target.origin()).await);
            }
        }
    }
    findings
}

/// Checks that the account has the schedule's agent.
async fn agents(app: &App, account: &str, schedules: &[Arc<Schedule>]) -> Vec<Finding> {
    let secrets = &app.settings.secrets;
    let api = AccountApi::open(account, app.settings.accounts.get(account), secrets);
    let known = match api {
        Ok(api) => api.agents(&app.env.http).await,
        Err(error) => Err(error),
    };
    let known = match known {
        Ok(known) => known,
        Err(AccountError { fault, message }) => {
            let verdict = match fault {
                AccountFault::Unset | AccountFault::Unreachable | AccountFault::Refused => DoctorVerdict::Problem,
                AccountFault::OtherAnswer => DoctorVerdict::Warning,
            };
            return vec![finding("reachability", verdict, message)];
        }
    };
    let mut findings = vec![finding("reachability", DoctorVerdict::Ok, "Thoughtly takes the credentials")];
    for schedule in schedules {
        if let Some(known) = &known
            && let TargetSpec::Call { agent, account: of, .. } = &schedule.target
            && of == account
            && let Ok(agent) = secrets.text(agent)
            && let Some(unknown) = unknown_agent(agent.expose_secret(), known)
        {
            findings.push(finding("agent", DoctorVerdict::Problem, format!("{}: {unknown}", schedule.name)));
        }
    }
    findings
}

async fn front_door(app: &App, origin: &str) -> Finding {
    let Ok(url) = Url::parse(origin) else {
        return finding("reachability", DoctorVerdict::Problem, format!("{origin} is not a valid address"));
    };
    match request(app, url, Vec::new()).await {
        Ok(_status) => finding("reachability", DoctorVerdict::Ok, format!("{origin} answers")),
        Err(detail) => finding("reachability", DoctorVerdict::Problem, format!("{origin} can't be reached: {detail}")),
    }
}

async fn request(app: &App, url: Url, headers: Vec<(String, SecretString)>) -> Result<u16, String> {
    let ask = HttpRequest {
        method: reqwest::Method::GET,
        url,
        headers,
        body: Bytes::new(),
        timeout: REQUEST_TIMEOUT,
        max_bytes: 4_096,
    };
    match app.env.http.send(ask).await {
        Sent::Answered(answer) => Ok(answer.status),
        Sent::NotSent { detail, .. } | Sent::Unknown { detail, .. } => Err(detail),
    }
}

/// A proxy that is set only in the environment is not used.
fn unused_proxy(app: &App) -> Option<Finding> {
    let is_set = |name: &str| app.settings.secrets.resolve(&SecretRef::Env(name.to_owned())).is_ok();
    let name = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"].into_iter().find(|name| is_set(name))?;
    let detail =
        format!("{name} is set and not used: write `proxy = {{ env = \"{name}\" }}` under [network] in tickler.toml");
    app.settings.network.proxy.is_none().then(|| finding("reachability", DoctorVerdict::Warning, detail))
}

fn unit(app: &App) -> Finding {
    let socket = &app.settings.socket;
    if std::os::unix::net::UnixStream::connect(socket).is_ok() {
        return finding("unit", DoctorVerdict::Ok, format!("the service answers at {}", socket.display()));
    }
    match UNITS.iter().find(|path| Path::new(path).exists()) {
        Some(path) => {
            let detail = format!("{path} is installed, and no service answers: systemctl enable --now tickler");
            finding("unit", DoctorVerdict::Warning, detail)
        }
        None => {
            let detail = format!(
                "no service answers at {}: `tickler run` is one; `tickler service print` writes a unit for systemd",
                socket.display()
            );
            finding("unit", DoctorVerdict::Warning, detail)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn sources_behind_the_sandbox_are_found_by_their_place() {
        let cases = [
            ("/home/clinic/export.csv", Some("ProtectHome")),
            ("/root/export.csv", Some("ProtectHome")),
            ("/tmp/export.csv", Some("PrivateTmp")),
            ("/var/tmp/export.csv", Some("PrivateTmp")),
            ("/homes/export.csv", None),
            ("/srv/export.csv", None),
        ];
        for (path, directive) in cases {
            assert_eq!(sandbox_directive(Path::new(path)), directive, "{path}");
        }
    }

    #[test]
    fn the_age_of_the_zone_rules_is_counted_in_years() {
        let now: Timestamp = "2028-03-01T00:00:00Z".parse().expect("a valid instant");
        assert_eq!(years_behind("2026f (bundled)", now), Some(2));
        assert_eq!(years_behind("", now), None);
    }

    #[test]
    fn a_ledger_that_others_may_read_is_told_with_the_remedy() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("tickler.db");
        std::fs::write(&file, "").expect("written");
        for (mode, verdict) in [(0o600, DoctorVerdict::Ok), (0o640, DoctorVerdict::Warning)] {
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).expect("set");
            let found = modes(&file, 0o600);
            assert_eq!(found.verdict, verdict);
            assert_eq!(found.detail.contains("chmod 600"), verdict == DoctorVerdict::Warning);
        }
        assert_eq!(modes(&folder.path().join("none.db"), 0o600).verdict, DoctorVerdict::Ok);
    }
}
