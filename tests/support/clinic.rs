//! The clinic that tests share: a folder with schedules and a table, and the real binary in it.
#![allow(dead_code, reason = "every test takes what it needs of it")]

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use super::command::tickler;

/// 09:00 in New York; the clinic's appointments are on the 25th.
pub const MORNING: &str = "2026-11-24T14:00:00Z";

pub const CLINIC: &str = "\
id,name,phone,starts_at,service,status
A-1,Ada Example,+12025550143,2026-11-25 09:30,Check-up,confirmed
A-2,Ben Sample,(202) 555-0164,2026-11-25 10:00,Cleaning,confirmed
A-3,Cleo Testing,202-555-0117,2026-11-25 10:30,X-ray,cancelled
A-4,Dan Nobody,,2026-11-25 11:00,Check-up,confirmed
A-5,Ivo Madeup,+12025550151,2026-12-02 09:00,Cleaning,confirmed
";

pub const DAY_BEFORE: &str = r#"
cron = "0 9 * * *"
timezone = "America/New_York"
[source.csv]
path = "../appointments.csv"
[appointment]
id = "id"
phone = "phone"
default_region = "US"
starts_at = "starts_at"
status = "status"
[remind]
days_before = 1
statuses = ["confirmed"]
[target.automation]
url = { env = "THOUGHTLY_AUTOMATION_URL" }
[payload]
contact_phone = "{{ phone }}"
national = "{{ phone_national }}"
appointment_time = "{{ starts_at }}"
service_name = "{{ service }}"
"#;

/// A schedule in parts: what differs from case to case, over what most cases share.
pub struct Parts<'a> {
    pub cron: &'a str,
    pub zone: &'a str,
    pub source: &'a str,
    pub appointment: &'a str,
    pub remind: &'a str,
    pub target: &'a str,
    pub payload: &'a str,
    /// Further tables, such as `[delivery]`.
    pub more: &'a str,
}

/// Nine o'clock in New York, a table beside the schedules, everybody of tomorrow.
pub const PARTS: Parts<'static> = Parts {
    cron: "0 9 * * *",
    zone: "America/New_York",
    source: "[source.csv]\npath = \"../appointments.csv\"",
    appointment: "id = \"id\"\nphone = \"phone\"\nstarts_at = \"starts_at\"",
    remind: "days_before = 1",
    target: "[target.automation]\nurl = { env = \"THOUGHTLY_AUTOMATION_URL\" }",
    payload: "contact_phone = \"{{ phone }}\"",
    more: "",
};

impl Parts<'_> {
    /// The text of the schedule file.
    pub fn text(&self) -> String {
        let Self { cron, zone, source, appointment, remind, target, payload, more } = self;
        format!(
            "cron = \"{cron}\"\ntimezone = \"{zone}\"\n{source}\n[appointment]\n{appointment}\n[remind]\n{remind}\n\
             {target}\n[payload]\n{payload}\n{more}\n"
        )
    }
}

/// A clinic in a folder of its own.
pub struct Clinic {
    pub folder: TempDir,
    pub url: String,
}

impl Clinic {
    pub fn new() -> Self {
        Self::with_target("http://127.0.0.1:9/webhook/automation/nobody")
    }

    /// Five patients and the schedule that reminds them the day before, calling this address.
    pub fn with_target(url: &str) -> Self {
        let clinic = Self::empty(url);
        clinic.write("appointments.csv", CLINIC);
        clinic.schedule("day-before", DAY_BEFORE);
        clinic
    }

    /// A folder for schedules alone: neither patients nor settings.
    pub fn bare(url: &str) -> Self {
        let clinic = Self { folder: TempDir::new().expect("a folder"), url: url.to_owned() };
        std::fs::create_dir(clinic.file("schedules")).expect("a folder of schedules");
        clinic
    }

    /// Neither patients nor schedules; the page is off, the rate unlimited.
    pub fn empty(url: &str) -> Self {
        let clinic = Self::bare(url);
        clinic.write("tickler.toml", "[web]\nlisten = \"off\"\n[accounts.thoughtly]\nrate = \"unlimited\"\n");
        clinic
    }

    /// Writes the file of that schedule.
    pub fn schedule(&self, name: &str, text: &str) {
        self.write(&format!("schedules/{name}.toml"), text);
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The path of a file in its folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        self.write_bytes(name, text.as_bytes());
    }

    pub fn write_bytes(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.file(name), bytes).expect("a file is written");
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = tickler(self.path(), arguments);
        command.env("THOUGHTLY_AUTOMATION_URL", &self.url);
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Ended {
        Ended::of(self.command(arguments).output().expect("the program runs"))
    }

    pub fn json(&self, arguments: &[&str]) -> (i32, Value) {
        let ended = self.run(&[arguments, &["--format", "json"]].concat());
        let value = serde_json::from_str(&ended.stdout);
        (ended.exit, value.unwrap_or_else(|error| panic!("{error}: {ended:?}")))
    }

    pub fn has_ledger(&self) -> bool {
        let files = std::fs::read_dir(self.path()).expect("the folder is there");
        files.flatten().any(|file| file.file_name().to_string_lossy().starts_with("tickler.db"))
    }
}

#[derive(Debug)]
pub struct Ended {
    pub exit: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ended {
    pub fn of(output: Output) -> Self {
        Self {
            exit: output.status.code().expect("it ended by itself"),
            stdout: String::from_utf8(output.stdout).expect("UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("UTF-8"),
        }
    }
}

impl Ended {
    /// What it printed, one blank between two words wherever lines end.
    pub fn words(&self) -> String {
        self.stdout.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

/// A sandbox as a process of its own.
pub struct Sandbox {
    pub process: Child,
    pub url: String,
}

impl Sandbox {
    pub fn start(arguments: &[&str]) -> Self {
        let mut process = tickler(&std::env::temp_dir(), &["sandbox", "--listen", "127.0.0.1:0"])
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the sandbox starts");
        let stderr = process.stderr.take().expect("it was piped");
        let lines = BufReader::new(stderr).lines().map_while(Result::ok);
        let url = lines.into_iter().find_map(|line| Some(line.split_once("URL=")?.1.to_owned()));
        Self { process, url: url.expect("it tells its address") }
    }

    /// Ends it; what it received, one line each.
    pub fn received(mut self) -> Vec<String> {
        let id = rustix::process::Pid::from_child(&self.process);
        rustix::process::kill_process(id, rustix::process::Signal::TERM).expect("it is there");
        let mut text = String::new();
        self.process.stdout.take().expect("it was piped").read_to_string(&mut text).expect("UTF-8");
        self.process.wait().expect("it ends");
        text.lines().map(str::to_owned).collect()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _ended_already = self.process.kill();
        let _reaped_already = self.process.wait();
    }
}

pub fn keys(value: &Value) -> Vec<&str> {
    value.as_object().expect("an object").keys().map(String::as_str).collect()
}
