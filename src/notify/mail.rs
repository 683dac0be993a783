//! shell: alerts by e-mail: one message per group, over TLS unless the mail server is on this machine.

use std::net::IpAddr;
use std::time::Duration;

use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use secrecy::ExposeSecret;
use url::Url;

use crate::settings::{Email, Settings};

/// Maximum time of connecting, of TLS, and of each response of the mail server.
const STEP_TIMEOUT: Duration = Duration::from_secs(10);

/// A mail server and the two addresses.
#[derive(Clone)]
pub(super) struct Mail {
    from: Mailbox,
    to: Vec<Mailbox>,
    server: AsyncSmtpTransport<Tokio1Executor>,
}

/// How the connection to the mail server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protection {
    /// No encryption: the connection stays on this machine.
    None,
    /// By STARTTLS, which is required.
    StartTls,
    /// Encrypted from the first byte.
    Tls,
}

impl Mail {
    /// Reads the settings; nothing is connected yet. `network.ca_file` is trusted besides the system's roots.
    ///
    /// # Errors
    /// A sentence that names the key, never the URL.
    pub(super) fn open(email: &Email, settings: &Settings) -> Result<Self, String> {
        let from = mailbox("from", &email.from)?;
        let to = email.to.split(',').map(|to| mailbox("to", to)).collect::<Result<Vec<_>, _>>()?;
        let text = settings.secrets.resolve(&email.url).map_err(|error| format!("notify.email.url: {error}"))?;
        let url = Url::parse(text.expose_secret())
            .map_err(|error| format!("notify.email.url is not a valid URL: {error}"))?;
        let ca = settings.network.read_ca_file()?;
        let server = server(&url, ca.as_deref()).map_err(|error| format!("notify.email.url: {error}"))?;
        Ok(Self { from, to, server })
    }

    /// Sends one message to all recipients.
    pub(super) async fn send(&self, subject: &str, text: &str) -> Result<(), String> {
        let mut message = Message::builder().from(self.from.clone()).subject(subject).header(ContentType::TEXT_PLAIN);
        for to in &self.to {
            message = message.to(to.clone());
        }
        let message = message.body(format!("{text}\n")).map_err(|error| error.to_string())?;
        match self.server.send(message).await {
            Ok(answer) if answer.is_positive() => Ok(()),
            Ok(answer) => Err(format!("the mail server answered {}", answer.code())),
            Err(error) => Err(error.to_string()),
        }
    }
}

fn mailbox(key: &str, text: &str) -> Result<Mailbox, String> {
    text.trim().parse().map_err(|_| format!("notify.email.{key}: `{text}` is not a valid e-mail address"))
}

fn server(url: &Url, ca: Option<&[u8]>) -> Result<AsyncSmtpTransport<Tokio1Executor>, String> {
    let protection = protection(url)?;
    let host = url.host_str().ok_or("it names no host")?.trim_matches(['[', ']']).to_owned();
    let tls = || tls(&host, ca);
    let (tls, port) = match protection {
        Protection::None => (Tls::None, 25),
        Protection::StartTls => (Tls::Required(tls()?), 587),
        Protection::Tls => (Tls::Wrapper(tls()?), 465),
    };
    let mut server = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&host)
        .port(url.port().unwrap_or(port))
        .tls(tls)
        .timeout(Some(STEP_TIMEOUT));
    if !url.username().is_empty() {
        let password = url.password().unwrap_or_default();
        server = server.credentials(Credentials::new(decoded(url.username()), decoded(password)));
    }
    Ok(server.build())
}

/// Decodes the user or password of a URL; what can't be decoded is used as it is.
fn decoded(text: &str) -> String {
    let pair = format!("v={}", text.replace('+', "%2B").replace('&', "%26"));
    let value = url::form_urlencoded::parse(pair.as_bytes()).next();
    value.map_or_else(|| text.to_owned(), |(_, value)| value.into_owned())
}

fn tls(host: &str, ca: Option<&[u8]>) -> Result<TlsParameters, String> {
    let mut parameters = TlsParameters::builder(host.to_owned());
    if let Some(pem) = ca {
        for certificate in certificates(pem)? {
            parameters = parameters.add_root_certificate(certificate);
        }
    }
    parameters.build_rustls().map_err(|error| error.to_string())
}

/// The certificates of a PEM file, one by one, as the mail client needs them.
fn certificates(pem: &[u8]) -> Result<Vec<Certificate>, String> {
    const END: &str = "-----END CERTIFICATE-----";
    let text = String::from_utf8_lossy(pem);
    let blocks = text.split_inclusive(END).filter(|block| block.contains(END));
    blocks.map(|block| Certificate::from_pem(block.as_bytes()).map_err(|error| error.to_string())).collect()
}

/// No protection only for a mail server on this machine.
fn protection(url: &Url) -> Result<Protection, String> {
    // `Url` does not parse the host of a scheme that it doesn't know
    let host = url.host_str().ok_or("it names no host")?.trim_matches(['[', ']']);
    let is_local = match host.parse::<IpAddr>() {
        Ok(address) => address.to_canonical().is_loopback(),
        Err(_) => host.eq_ignore_ascii_case("localhost"),
    };
    match url.scheme() {
        "smtps" => Ok(Protection::Tls),
        "smtp" if is_local => Ok(Protection::None),
        "smtp" => Ok(Protection::StartTls),
        _ => {
            Err("write `smtps://user:password@host` (TLS), or `smtp://host` (STARTTLS; none on this machine)"
                .to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leaves_this_machine_unprotected() {
        let cases = [
            ("smtp://127.0.0.1:2525", Ok(Protection::None)),
            ("smtp://localhost", Ok(Protection::None)),
            ("smtp://[::1]", Ok(Protection::None)),
            ("smtp://mail.example", Ok(Protection::StartTls)),
            ("smtp://10.0.0.5", Ok(Protection::StartTls)),
            ("smtps://mail.example", Ok(Protection::Tls)),
            ("smtps://127.0.0.1:465", Ok(Protection::Tls)),
        ];
        for (text, expected) in cases {
            assert_eq!(protection(&Url::parse(text).expect("a URL")), expected, "{text}");
        }
        assert!(protection(&Url::parse("https://mail.example").expect("a URL")).is_err());
    }

    #[test]
    fn user_and_password_are_decoded_as_a_url_has_them() {
        for (written, meant) in [("alerts%40clinic.example", "alerts@clinic.example"), ("p+w%2F1&", "p+w/1&"), ("", "")]
        {
            assert_eq!(decoded(written), meant);
        }
    }
}
