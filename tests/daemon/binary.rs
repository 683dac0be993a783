//! The real binary as a service: its log is followed line by line, so that no test waits longer than it must.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use crate::command;

/// Nothing a test waits for takes longer.
const PATIENCE: Duration = Duration::from_secs(30);

pub struct Service {
    child: Child,
    lines: mpsc::Receiver<String>,
    /// The lines that it logged until it was up.
    beginning: Vec<String>,
}

impl Service {
    /// `tickler run` in that folder; returns once it is up.
    pub fn start(folder: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut command = tickler(folder);
        command.arg("run").args(arguments).envs(variables.iter().copied());
        Self::of(command)
    }

    /// Started so; returns once it is up.
    pub fn of(mut command: Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().expect("the binary starts");
        let stderr = child.stderr.take().expect("a pipe");
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let mut service = Self { child, lines, beginning: Vec::new() };
        (service.beginning, _) = service.lines_until("the service is up");
        service
    }

    /// Where its page is.
    pub fn page(&self) -> String {
        let line = self.beginning.iter().find_map(|line| line.split_once("the health server listens at http://"));
        let (_, rest) = line.expect("a page");
        rest.chars().take_while(|c| c.is_ascii_digit() || matches!(c, '.' | ':')).collect()
    }

    /// Where it takes records of calls.
    #[allow(dead_code, reason = "some suites post none")]
    pub fn inbound(&self) -> String {
        let line = self.beginning.iter().find_map(|line| line.split_once("records of calls are taken at http://"));
        let (_, rest) = line.expect("a listener");
        rest.chars().take_while(|c| c.is_ascii_digit() || matches!(c, '.' | ':')).collect()
    }

    /// The lines that it logged until it was up.
    #[allow(dead_code, reason = "some suites follow the log from when it is up on")]
    pub fn beginning(&self) -> &[String] {
        &self.beginning
    }

    /// Whether it said so before it was up; else waits for it.
    #[allow(dead_code, reason = "some suites follow the log from when it is up on")]
    pub fn says(&self, text: &str) {
        if !self.beginning.iter().any(|line| line.contains(text)) {
            self.line_with(text);
        }
    }

    /// The next line of the log that holds `text`.
    pub fn line_with(&self, text: &str) -> String {
        self.lines_until(text).1
    }

    /// All up to the next line that holds `text`, and that line.
    pub fn lines_until(&self, text: &str) -> (Vec<String>, String) {
        let mut seen = Vec::new();
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => {
                    assert!(!line.contains(r#""message":"""#), "an entry without words: {line}");
                    if line.contains(text) {
                        return (seen, line);
                    }
                    seen.push(line);
                }
                Err(_) => panic!("`{text}` didn't come; the log says:\n{}", seen.join("\n")),
            }
        }
    }

    pub fn pid(&self) -> rustix::process::Pid {
        rustix::process::Pid::from_child(&self.child)
    }

    pub fn signal(&self, signal: rustix::process::Signal) {
        rustix::process::kill_process(self.pid(), signal).expect("a running service");
    }

    /// Its resident memory and its address space, now and at their largest.
    #[allow(dead_code, reason = "for those that measure it")]
    pub fn memory(&self) -> String {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("a running service");
        let lines =
            status.lines().filter(|line| ["VmPeak", "VmSize", "VmHWM", "VmRSS"].iter().any(|it| line.starts_with(it)));
        lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>().join(", ")
    }

    /// One of these figures, in KiB.
    #[allow(dead_code, reason = "for those that measure it")]
    pub fn kibibytes(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("a running service");
        let line = status.lines().find_map(|line| line.strip_prefix(&format!("{name}:"))).expect("that figure");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    /// Has the kernel measure the largest resident memory anew from now on.
    #[allow(dead_code, reason = "for those that measure it")]
    pub fn forget_peak(&self) {
        std::fs::write(format!("/proc/{}/clear_refs", self.child.id()), "5").expect("the peak is reset");
    }

    pub fn stop(mut self) -> ExitStatus {
        self.signal(rustix::process::Signal::TERM);
        self.child.wait().expect("the service ends")
    }

    pub fn wait(mut self) -> ExitStatus {
        self.child.wait().expect("the service ends")
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// The binary over the clinic in `folder`, with nothing of this machine's environment.
pub fn tickler(folder: &Path) -> Command {
    let mut command = command::tickler(folder, &[]);
    command
        .env("TICKLER_LEDGER", folder.join("tickler.db"))
        .env("TICKLER_SCHEDULES", folder.join("schedules"))
        .env("TICKLER_WEB__LISTEN", "off");
    command
}

/// The whole log, exported as JSON lines.
pub fn export(folder: &Path) -> String {
    let output = tickler(folder).args(["audit", "export", "--format", "jsonl"]).output().expect("an export");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Where calls go: each request is handed over together with its connection, to be answered when the test says so.
pub struct Receiver {
    listener: TcpListener,
}

impl Receiver {
    pub fn listen() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        // a call that never comes is a failure, and no test that hangs
        rustix::net::sockopt::set_socket_timeout(&listener, rustix::net::sockopt::Timeout::Recv, Some(2 * PATIENCE))
            .expect("a time-out");
        Self { listener }
    }

    pub fn url(&self) -> String {
        format!("http://{}/webhook/automation/clinic", self.listener.local_addr().expect("an address"))
    }

    /// Where it listens.
    #[allow(dead_code, reason = "for those that name another path")]
    pub fn address(&self) -> String {
        self.listener.local_addr().expect("an address").to_string()
    }

    /// Whether nobody has connected that was not answered.
    #[allow(dead_code, reason = "for those where nothing is sent")]
    pub fn is_untouched(&self) -> bool {
        self.listener.set_nonblocking(true).expect("a listener");
        let found = self.listener.accept();
        self.listener.set_nonblocking(false).expect("a listener");
        found.is_err()
    }

    /// Waits for one request and reads it whole.
    pub fn request(&self) -> Call {
        let (mut stream, _from) = self.listener.accept().expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        let mut text = String::new();
        let mut bytes = [0; 4_096];
        while !is_whole(&text) {
            let length = stream.read(&mut bytes).expect("a request");
            assert!(length > 0, "the request broke off: {text}");
            text.push_str(&String::from_utf8_lossy(&bytes[..length]));
        }
        Call { stream, text }
    }
}

fn is_whole(text: &str) -> bool {
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    body.len() >= length.unwrap_or(0)
}

pub struct Call {
    stream: TcpStream,
    pub text: String,
}

impl Call {
    /// Answers with that status line and these further headers, and no body.
    #[allow(dead_code, reason = "some suites accept every call")]
    pub fn answer(mut self, status: &str, headers: &str) {
        let answer = format!("HTTP/1.1 {status}\r\n{headers}content-length: 0\r\nconnection: close\r\n\r\n");
        self.stream.write_all(answer.as_bytes()).expect("an answer");
    }

    /// Answers 200 and a body of that many bytes; answers how many were taken before the other side had enough.
    #[allow(dead_code, reason = "for those that answer at length")]
    pub fn answer_at_length(mut self, length: u64) -> u64 {
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
        self.stream.write_all(head.as_bytes()).expect("an answer's beginning");
        let chunk = [b'x'; 64 * 1024];
        let mut taken = 0;
        while taken < length {
            match self.stream.write(&chunk) {
                Ok(written) if written > 0 => taken += written as u64,
                Ok(_) | Err(_) => break,
            }
        }
        taken
    }

    pub fn accept(mut self) {
        let body = r#"{"error":null,"data":{}}"#;
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        );
        self.stream.write_all(answer.as_bytes()).expect("an answer");
    }
}

/// One GET, its status line.
pub fn get(address: &str, path: &str, host: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("a connection");
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n").expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer.lines().next().unwrap_or_default().to_owned()
}
