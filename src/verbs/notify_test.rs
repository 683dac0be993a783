//! shell: a test message through every channel for alerts.

use serde::{Deserialize, Serialize};

use super::{App, Exit, VerbError, VerbResult};
use crate::notify;

/// What came of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NotifyAnswer {
    /// Whether every channel took the message.
    pub ok: bool,
    /// Each channel.
    pub channels: Vec<ChannelResult>,
}

/// One channel.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ChannelResult {
    /// Its key in the settings: `notify.webhook` or `notify.email`.
    pub channel: String,
    /// Whether it took the message.
    pub delivered: bool,
    /// Why not.
    pub detail: Option<String>,
}

impl NotifyAnswer {
    /// How the verb ends: 1 when a channel failed.
    #[must_use]
    pub const fn exit(&self) -> Exit {
        if self.ok { Exit::Done } else { Exit::Failed }
    }
}

/// Sends the message.
///
/// # Errors
/// When no channel is set, or a setting can't be used.
pub async fn notify_test(app: &App) -> VerbResult<NotifyAnswer> {
    let sent = notify::send_test(&app.settings, &app.env.http).await.map_err(VerbError::Configuration)?;
    if sent.is_empty() {
        return Err(VerbError::Failed(
            "nobody is alerted: set `webhook` under [notify], or `to`, `from` and `url` under [notify.email], in tickler.toml"
                .to_owned(),
        ));
    }
    let channels: Vec<ChannelResult> = sent
        .into_iter()
        .map(|(channel, result)| ChannelResult {
            channel: channel.to_owned(),
            delivered: result.is_ok(),
            detail: result.err(),
        })
        .collect();
    Ok(NotifyAnswer { ok: channels.iter().all(|channel| channel.delivered), channels })
}
