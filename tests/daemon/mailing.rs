//! Alerts by e-mail, to a mail server on loopback that speaks SMTP with and without TLS.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::binary::{Service, tickler};
use crate::{BEFORE_NINE, clinic};

const PATIENCE: Duration = Duration::from_secs(20);

/// One message that the server took.
pub struct Mail {
    pub recipients: Vec<String>,
    pub text: String,
}

/// A mail server; each message it takes is handed over.
pub struct MailServer {
    pub port: u16,
    mails: mpsc::Receiver<Mail>,
}

impl MailServer {
    pub fn plain() -> Self {
        Self::listen(None)
    }

    fn tls() -> Self {
        let _already_installed = rustls::crypto::ring::default_provider().install_default();
        let file = |name: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/daemon/tls").join(name);
        let chain = CertificateDer::from_pem_file(file("localhost.pem")).expect("a certificate");
        let key = PrivateKeyDer::from_pem_file(file("localhost-key.pem")).expect("a key");
        let config = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![chain], key);
        Self::listen(Some(Arc::new(config.expect("a TLS server"))))
    }

    fn listen(tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let (sender, mails) = mpsc::channel();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
                let taken = match &tls {
                    Some(config) => {
                        let session = ServerConnection::new(Arc::clone(config)).expect("a TLS session");
                        converse(StreamOwned::new(session, stream))
                    }
                    None => converse(stream),
                };
                if taken.is_some_and(|mail| sender.send(mail).is_err()) {
                    return;
                }
            }
        });
        Self { port, mails }
    }

    pub fn next(&self) -> Mail {
        self.mails.recv_timeout(PATIENCE).expect("a message")
    }
}

/// SMTP as far as one message needs it; `None` when the client went away before it had sent one.
fn converse<S: Read + Write>(stream: S) -> Option<Mail> {
    let mut stream = BufReader::new(stream);
    let mut mail = Mail { recipients: Vec::new(), text: String::new() };
    say(&mut stream, "220 mail.example ESMTP")?;
    loop {
        let line = line(&mut stream)?;
        let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        match verb.as_str() {
            "EHLO" => {
                say(&mut stream, "250-mail.example")?;
                say(&mut stream, "250 AUTH PLAIN")?;
            }
            "AUTH" => say(&mut stream, "235 known")?,
            "RCPT" => {
                mail.recipients.push(line.trim_start_matches("RCPT TO:").trim().trim_matches(['<', '>']).to_owned());
                say(&mut stream, "250 accepted")?;
            }
            "DATA" => {
                say(&mut stream, "354 go on")?;
                loop {
                    let text = self::line(&mut stream)?;
                    if text == "." {
                        break;
                    }
                    mail.text += &text;
                    mail.text.push('\n');
                }
                say(&mut stream, "250 taken")?;
                return Some(mail);
            }
            _ => say(&mut stream, "250 fine")?,
        }
    }
}

fn say<S: Read + Write>(stream: &mut BufReader<S>, text: &str) -> Option<()> {
    stream.get_mut().write_all(format!("{text}\r\n").as_bytes()).ok()?;
    stream.get_mut().flush().ok()
}

fn line<S: Read>(stream: &mut BufReader<S>) -> Option<String> {
    let mut line = String::new();
    let length = stream.read_line(&mut line).ok()?;
    (length > 0).then(|| line.trim_end().to_owned())
}

fn write_settings(folder: &Path, more: &str) {
    let settings = format!(
        "[notify.email]\nto = \"front-desk@clinic.example, owner@clinic.example\"\nfrom = \"tickler@clinic.example\"\n\
         url = {{ env = \"SMTP_URL\" }}\n{more}"
    );
    std::fs::write(folder.join("tickler.toml"), settings).expect("settings");
}

#[test]
fn a_failed_run_and_its_recovery_are_one_e_mail_each_without_personal_data() {
    let folder = clinic("*/5 * * * * *");
    write_settings(folder.path(), "");
    std::fs::write(folder.path().join("appointments.csv"), "not,the,table\n").expect("a table");
    let server = MailServer::plain();
    let smtp = format!("smtp://127.0.0.1:{}", server.port);
    let variables = [("SMTP_URL", smtp.as_str()), ("THOUGHTLY_AUTOMATION_URL", "http://127.0.0.1:9/")];
    let service = Service::start(folder.path(), &["--now", BEFORE_NINE], &variables);
    let alert = server.next();
    assert_eq!(alert.recipients, ["front-desk@clinic.example", "owner@clinic.example"]);
    assert!(alert.text.contains("Subject: tickler: 1 alert"), "{}", alert.text);
    assert!(alert.text.contains("day-before: run failed"), "{}", alert.text);
    std::fs::write(folder.path().join("appointments.csv"), crate::TABLE).expect("a table");
    let recovery = loop {
        let mail = server.next();
        if mail.text.contains("over: run failed") {
            break mail.text;
        }
    };
    for personal in ["0143", "A-1", "Check-up"] {
        assert!(!alert.text.contains(personal) && !recovery.contains(personal), "{personal}");
    }
    assert_eq!(service.stop().code(), Some(0));
}

#[test]
fn notify_test_sends_one_message_over_tls_that_the_settings_trust() {
    let folder = clinic("0 9 * * *");
    let server = MailServer::tls();
    let smtp = format!("smtps://clinic:se%2Bcret@localhost:{}", server.port);
    let test = || tickler(folder.path()).args(["notify", "test"]).env("SMTP_URL", &smtp).output().expect("an answer");
    write_settings(folder.path(), "");
    let untrusted = test();
    assert_eq!(untrusted.status.code(), Some(1), "the certificate is nobody's whom this machine knows");
    let authority = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/daemon/tls/authority.pem");
    write_settings(folder.path(), &format!("[network]\nca_file = \"{}\"\n", authority.display()));
    let sent = test();
    let complaint = String::from_utf8_lossy(&sent.stderr);
    assert_eq!(sent.status.code(), Some(0), "{complaint}");
    assert!(server.next().text.contains("Subject: tickler: a test message"));
    assert!(!complaint.contains("se+cret") && !complaint.contains("se%2Bcret"), "{complaint}");
}

#[test]
fn notify_test_without_any_channel_names_the_settings() {
    let folder = clinic("0 9 * * *");
    let test = tickler(folder.path()).args(["notify", "test"]).output().expect("an answer");
    assert_eq!(test.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&test.stderr).contains("[notify.email]"));
}
