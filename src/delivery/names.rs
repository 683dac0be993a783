//! shell: the names of targets, resolved and judged before anything is committed for them: what leads nowhere, or to an
//! address that is never asked, costs no intent.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use futures_util::future::join_all;
use url::Url;

use super::UNPOISONED;
use crate::clock::{Clock, SharedClock};
use crate::http::Http;

/// A name that was good is looked up again after this long …
const GOOD_FOR: Duration = Duration::from_secs(60);

/// … one that was not sooner: it may be repaired by now.
pub(super) const BAD_FOR: Duration = Duration::from_secs(10);

/// Nothing else is sent meanwhile.
const PATIENCE: Duration = Duration::from_secs(5);

/// What was found out, by origin.
#[derive(Default)]
pub(super) struct Names(Mutex<HashMap<String, Judged>>);

struct Judged {
    /// Monotonic.
    at: Duration,
    problem: Option<String>,
}

impl Judged {
    fn is_fresh(&self, now: Duration) -> bool {
        let lasts = if self.problem.is_none() { GOOD_FOR } else { BAD_FOR };
        now < self.at + lasts
    }
}

impl Names {
    /// Why nothing can be sent there, as far as is known.
    pub(super) fn problem(&self, origin: &str) -> Option<String> {
        self.0.lock().expect(UNPOISONED).get(origin)?.problem.clone()
    }

    /// Whether this one is to be looked up first.
    pub(super) fn is_stale(&self, origin: &str, now: Duration) -> bool {
        self.0.lock().expect(UNPOISONED).get(origin).is_none_or(|judged| !judged.is_fresh(now))
    }

    /// Looks them up, all at once.
    pub(super) async fn judge(&self, origins: &[String], http: &Http, clock: &SharedClock) {
        let found = join_all(origins.iter().map(|origin| judged(origin, http, clock.as_ref()))).await;
        let at = clock.monotonic();
        let mut known = self.0.lock().expect(UNPOISONED);
        for (origin, problem) in origins.iter().zip(found) {
            if let Some(problem) = &problem
                && known.get(origin).is_none_or(|judged| judged.problem.is_none())
            {
                tracing::warn!(origin, problem, "nothing is sent there");
            }
            known.insert(origin.clone(), Judged { at, problem });
        }
    }
}

async fn judged(origin: &str, http: &Http, clock: &dyn Clock) -> Option<String> {
    let Ok(url) = Url::parse(origin) else { return None };
    tokio::select! {
        found = http.judge_name(&url) => found.err(),
        () = clock.sleep(PATIENCE) => Some("the host's name was not resolved in time".to_owned()),
    }
}
