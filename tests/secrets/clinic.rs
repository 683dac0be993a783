//! A clinic whose every secret is marked, and what it said.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use crate::support::clinic::{PARTS, Parts};
use crate::support::command::tickler;

/// The mark that is in every secret, and nowhere else.
pub const MARK: &str = "canary7f3a";
/// 09:00 in New York; the appointments are on the 25th.
pub const NOW: &str = "2026-11-24T14:00:00Z";

const TABLE: &str = "id,phone,starts_at,name\n\
    A-1,+12025550143,2026-11-25T09:00,Ada Canarypatient\n\
    A-2,(202) 555-0164,2026-11-25T10:00,Ben Canarypatient\n\
    A-3,+1202555014,2026-11-25T11:00,Cleo Canarypatient\n\
    A-4,+12025550151,the 25th of Canarypatient,Dan Canarypatient\n";

const CSV: &str = "[source.csv]\npath = \"../table.csv\"";
const AUTOMATION: &str = "[target.automation]\nurl = { env = \"CLINIC_URL\" }\napi_token = { credential = \"token\" }";
const SIGNED: &str = "[target.webhook]\nurl = { file = \"../hook.secret\" }\nsecret = { env = \"SIGNING\" }\n\
    headers = { \"X-Key\" = { credential = \"token\" } }\nerror_pointer = \"/error\"";
const API: &str = "[source.http]\nurl = { env = \"SOURCE_URL\" }\nheaders = { \"X-Key\" = { file = \"../key.secret\" } }\n\
    auth.basic = { user = { env = \"SOURCE_USER\" }, password = { credential = \"password\" } }";

pub struct Clinic {
    folder: tempfile::TempDir,
    variables: Vec<(&'static str, String)>,
    said: Mutex<Vec<Said>>,
}

struct Said {
    whence: String,
    channel: Channel,
    text: String,
}

/// Where it was said.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Channel {
    /// Asked for: names are part of a plan.
    Answer,
    /// A log, which others read.
    Log,
}

fn schedule(source: &str, target: &str) -> String {
    Parts {
        source,
        target,
        remind: "days_before = 1\nmax_per_person_per_day = 9",
        payload: "contact_phone = \"{{ phone }}\"\nname = \"{{ name }}\"",
        more: "[delivery]\ntimeout = \"2s\"",
        ..PARTS
    }
    .text()
}

impl Clinic {
    pub fn new(source: &str, target: &str, nobody: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name).display().to_string();
        let variables = vec![
            ("CLINIC_URL", format!("{target}/webhook/automation/{MARK}-1")),
            ("SIGNING", format!("whsec_{MARK}AAAAAAAAAAAAAAAAAAAAAA")),
            ("SOURCE_URL", format!("{source}/{MARK}-3?day={{{{ day }}}}")),
            ("SOURCE_USER", format!("{MARK}-4")),
            ("NOBODY_URL", nobody.replace("//", &format!("//{MARK}-5:{MARK}-6@"))),
            ("NO_ADDRESS", format!("{MARK}-7 is no address")),
            ("METADATA", format!("http://169.254.169.254/{MARK}-8")),
            ("TICKLER_WEB__TOKEN", format!("{MARK}-9-0123456789abcdef0123456789")),
            ("TICKLER_NOTIFY__WEBHOOK", format!("{nobody}/{MARK}-10")),
            ("TICKLER_NOTIFY__HEARTBEAT", format!("{nobody}/{MARK}-11")),
            ("CREDENTIALS_DIRECTORY", path("credentials")),
            ("RUST_LOG", "trace".into()),
            ("TICKLER_LOG__LEVEL", "trace".into()),
        ];
        let clinic = Self { folder, variables, said: Mutex::default() };
        clinic.furnish(target);
        clinic
    }

    fn furnish(&self, target: &str) {
        let automation_to = |name: &str| format!("[target.automation]\nurl = {{ env = \"{name}\" }}");
        let call = "[target.call]\nagent = { env = \"SOURCE_USER\" }\n[target.call.contact]\nname = \"{{ name }}\"";
        let written = format!("[target.automation]\nurl = \"http://127.0.0.1/{MARK}-12\"\napi_tokn = \"{MARK}-13\"");
        let unreachable = "[source.http]\nurl = { env = \"NOBODY_URL\" }\nauth.bearer = { credential = \"token\" }";
        for (name, text) in [
            ("table.csv", TABLE.to_owned()),
            (".env", format!("THOUGHTLY_API_TOKEN={MARK}-14\nTHOUGHTLY_TEAM_ID=team\n")),
            ("tickler.toml", format!("web.listen = \"127.0.0.1:0\"\n[accounts.thoughtly]\nbase_url = \"{target}\"\n")),
            ("credentials/token", format!("{MARK}-15\n")),
            ("credentials/password", format!("{MARK}-16")),
            ("key.secret", format!("{MARK}-17\n")),
            ("hook.secret", format!("{target}/hook/{MARK}-18")),
            ("schedules/automation.toml", schedule(CSV, AUTOMATION)),
            ("schedules/webhook.toml", schedule(API, SIGNED)),
            ("schedules/call.toml", schedule(CSV, call)),
            ("schedules/unreachable.toml", schedule(unreachable, AUTOMATION)),
            ("schedules/unset.toml", schedule(API, &automation_to("NOT_SET"))),
            ("schedules/no-address.toml", schedule(CSV, &automation_to("NO_ADDRESS"))),
            ("schedules/metadata.toml", schedule(CSV, &automation_to("METADATA"))),
            ("schedules/often.toml", schedule(API, SIGNED).replace("0 9 * * *", "* * * * * *")),
            ("schedules/written-out.toml", schedule(CSV, &written)),
        ] {
            let path = self.folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            std::fs::write(&path, text).expect("a file is written");
            std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).expect("its mode is set");
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = tickler(self.folder.path(), arguments);
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    fn hear(&self, whence: &str, channel: Channel, bytes: &[u8]) {
        let (whence, text) = (whence.to_owned(), String::from_utf8_lossy(bytes).into_owned());
        self.said.lock().expect("nobody panics").push(Said { whence, channel, text });
    }

    pub fn run(&self, arguments: &[&str]) {
        let output = self.command(arguments).output().expect("the program runs");
        let ended = output.status.code().map_or_else(|| "a signal".to_owned(), |code| code.to_string());
        let whence = format!("{arguments:?} ({ended})");
        self.hear(&whence, Channel::Answer, &output.stdout);
        self.hear(&whence, Channel::Log, &output.stderr);
    }

    /// Reads a file that a verb has written.
    pub fn hear_file(&self, name: &str) {
        let bytes = std::fs::read(self.folder.path().join(name)).expect("it was written");
        self.hear(name, Channel::Log, &bytes);
    }

    /// Runs the service until it has done what is waited for and answered each of the paths.
    pub fn run_service(&self, paths: &[&str], is_done: impl Fn() -> bool) {
        let log = self.folder.path().join("run.log");
        let errors = std::fs::File::create(&log).expect("a log");
        let mut child = self.command(&["run"]).stderr(errors).stdout(Stdio::null()).spawn().expect("it starts");
        let said = || std::fs::read_to_string(&log).unwrap_or_default();
        let page = (0..600).find_map(|_| {
            std::thread::park_timeout(Duration::from_millis(50));
            let text = is_done().then(said)?;
            let (_, rest) = text.split_once("the health server listens at http://")?;
            Some(rest.chars().take_while(|c| c.is_ascii_digit() || matches!(c, '.' | ':')).collect::<String>())
        });
        let page = page.unwrap_or_else(|| panic!("no page: {}", said()));
        for path in paths {
            // a monitor keeps what it reads; a page is read by whoever may see names
            let is_monitors = ["/healthz", "/readyz", "/metrics"].contains(path);
            self.hear(path, if is_monitors { Channel::Log } else { Channel::Answer }, &get(&page, path));
        }
        self.run(&["status"]);
        self.run(&["reload"]);
        let id = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(id, rustix::process::Signal::TERM).expect("it is there");
        child.wait().expect("it ends");
        self.hear("run", Channel::Log, said().as_bytes());
    }

    /// No secret in anything said or kept by the ledger; no name and no whole number in anything said.
    pub fn assert_silent(&self) {
        let said = self.said.lock().expect("nobody panics");
        for Said { whence, channel, text } in said.iter() {
            for leak in [MARK, "2025550143", "2025550164", "555-0164", "Canarypatient"] {
                let is_name = leak == "Canarypatient";
                let line = text.lines().find(|line| line.contains(leak));
                assert!(line.is_none() || (is_name && *channel == Channel::Answer), "{leak} in {whence}: {line:?}");
            }
        }
        let kept: Vec<_> = std::fs::read_dir(self.folder.path()).expect("the folder").flatten().collect();
        let kept: Vec<_> = kept.iter().map(std::fs::DirEntry::path).filter(|path| is_ledger(path)).collect();
        assert!(kept.len() >= 3, "{kept:?}");
        for path in kept {
            let bytes = std::fs::read(&path).expect("a file of the ledger");
            let is_marked = bytes.windows(MARK.len()).any(|window| window == MARK.as_bytes());
            assert!(!is_marked, "a secret in {}", path.display());
        }
    }
}

fn is_ledger(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.is_file() && (name.starts_with("tickler.db") || name.starts_with("copy.db"))
}

fn get(address: &str, path: &str) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).expect("the page listens");
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n").expect("a request");
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("an answer");
    bytes
}
