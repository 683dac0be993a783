//! pure: `[source.inbound]` of a schedule: requests that are posted to the service.

use super::{Schedule, SourceSpec};
use crate::settings::SecretRef;

/// `[source.inbound]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboundSpec {
    /// The secrets, each of which lets a sender post.
    pub secrets: Vec<SecretRef>,
    /// Whether the secret may be a part of the URL.
    pub secret_in_url: bool,
    /// How many new requests are accepted within an hour.
    pub max_per_hour: u32,
}

impl Schedule {
    /// The settings of its requests; `None` where its rows come from elsewhere.
    #[must_use]
    pub fn inbound(&self) -> Option<&InboundSpec> {
        match &self.source {
            SourceSpec::Inbound(spec) => Some(spec),
            SourceSpec::File(_) | SourceSpec::Sqlite(_) | SourceSpec::Http(_) => None,
        }
    }
}
