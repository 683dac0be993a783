//! shell: the arguments of `tickler sandbox`.

use clap::{Args, ValueEnum};
use jiff::SignedDuration;

use super::arguments::duration;

/// What the last two digits of a phone mean.
pub const ENDINGS: &str = "\
How a call ends is decided by the phone's last two digits:
  01 completed      02 no answer      03 busy           04 voicemail
  05 failed         06 suppressed     07 no answer, and completed when called again
  11 says `yes`     12 says `cancel`  13 says `move`    14 says `stop`
  15 says `wrong`   16 says `maybe`   all others: completed

To have calls reported to a service of yours, whose schedule NAME has `[outcome]` with a secret:
  --callback http://127.0.0.1:8469/outcome/NAME --tell-header \"X-Tickler-Secret: …\"";

/// `sandbox`. It listens at `--listen`, `127.0.0.1:8468` unless given; port 0 takes a free one.
#[derive(Debug, Args)]
#[command(next_help_heading = "Where Thoughtly's documentation is ambiguous")]
pub struct SandboxArguments {
    /// Listen at this port of this machine, 8468 unless given; 0 takes a free one
    #[arg(long, value_name = "PORT", help_heading = "Options")]
    pub port: Option<u16>,
    /// Call records show the metadata that came with the call
    #[arg(long)]
    pub metadata_echo: bool,
    /// The automation is a draft: it returns 200 and calls nobody
    #[arg(long)]
    pub draft: bool,
    /// What happens when a contact is created twice
    #[arg(long, value_name = "READING", default_value = "reuse")]
    pub duplicate_contact: DuplicateContactArgument,
    /// Name these seconds in the `Retry-After` of 429 and 503
    #[arg(long, value_name = "SECONDS")]
    pub retry_after: Option<u32>,
    /// Post finished calls to this URL
    #[arg(long, value_name = "URL")]
    pub callback: Option<url::Url>,
    /// Report calls in this shape
    #[arg(long, value_name = "SHAPE", default_value = "callback")]
    pub tell: TellArgument,
    /// How often calls are reported, and in which order
    #[arg(long, value_name = "COURSE", default_value = "once")]
    pub told: ToldArgument,
    /// A header of these reports, as `X-Tickler-Secret: …`
    #[arg(long, value_name = "NAME: VALUE", value_parser = header)]
    pub tell_header: Option<(String, String)>,
    /// The fault.
    #[command(flatten)]
    pub faults: FaultArguments,
}

/// The shape of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TellArgument {
    /// The fields that the README recommends to map
    Callback,
    /// What Thoughtly posts to subscribers
    Subscription,
    /// What the guide of Thoughtly shows
    Guide,
}

/// How often a call is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ToldArgument {
    /// Its end, once
    Once,
    /// Its end, twice
    Twice,
    /// Also its beginning, at once
    Early,
    /// Its end first, then that it goes on
    Reversed,
    /// Not at all
    Never,
}

/// What becomes of a contact that is created twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DuplicateContactArgument {
    /// The first response is repeated
    Reuse,
    /// A second contact with the same phone is created
    New,
    /// It is refused with 409
    Conflict,
}

/// A fault.
#[derive(Debug, Args)]
#[command(next_help_heading = "Faults")]
pub struct FaultArguments {
    /// Delay of every response (`200ms`, `2s`)
    #[arg(long, value_name = "DURATION", value_parser = latency)]
    pub latency: Option<std::time::Duration>,
    /// The next N requests fail with STATUS; may be repeated
    #[arg(long, value_name = "STATUS:N", value_parser = failure)]
    pub fail: Vec<crate::sandbox::FailingRequests>,
    /// Reset every connection after N requests, once the request was read
    #[arg(long, value_name = "N")]
    pub reset_after: Option<u64>,
    /// Answer 200 with an error inside
    #[arg(long)]
    pub error_in_200: bool,
    /// Answer 200 with an HTML page
    #[arg(long)]
    pub html: bool,
    /// Refuse requests above this rate with 429 (`100/min`)
    #[arg(long, value_name = "N/min", value_parser = per_minute)]
    pub rate: Option<u32>,
}

fn latency(text: &str) -> Result<std::time::Duration, String> {
    let millis = text.strip_suffix("ms").and_then(|count| count.parse().ok());
    match millis {
        Some(millis) => Ok(std::time::Duration::from_millis(millis)),
        None => duration(text).map(SignedDuration::unsigned_abs),
    }
}

fn failure(text: &str) -> Result<crate::sandbox::FailingRequests, String> {
    let read = text.split_once(':').and_then(|(status, count)| Some((status.parse().ok()?, count.parse().ok()?)));
    match read {
        Some((status @ 200..=599, count)) => Ok(crate::sandbox::FailingRequests { status, count }),
        Some(_) | None => Err("write a status and how often, such as `503:2`".to_owned()),
    }
}

fn per_minute(text: &str) -> Result<u32, String> {
    let remedy = || "write how many a minute, such as `100/min`".to_owned();
    text.strip_suffix("/min").unwrap_or(text).parse().map_err(|_| remedy())
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("write a name and a value, such as `X-Tickler-Secret: value`")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}
