//! shell: who is signed in, and how often somebody may try.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Mutex;
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::access::Person;
use crate::ledger::chain::hex;
use crate::verbs::page_token::{self, PageToken};
use crate::verbs::{VerbError, VerbResult};

/// The cookie with a session's id.
pub const COOKIE: &str = "tickler_session";

/// A working day: after that a person signs in again.
pub const LIFETIME: Duration = Duration::from_secs(12 * 60 * 60);

/// Maximum sessions at once; the oldest ends first.
const MAX_SESSIONS: usize = 1_000;

/// Maximum wrong tokens from one address within [`PENALTY_TIME`].
const MAX_FAILURES: u32 = 5;

/// How long the wrong tokens of an address count.
const PENALTY_TIME: Duration = Duration::from_secs(60);

/// Maximum addresses whose failures are remembered; more are an attack, and all of them wait together.
const MAX_ADDRESSES: usize = 10_000;

/// A session; its id is known to the browser alone.
#[derive(Debug, Clone)]
struct OpenSession {
    person: Person,
    /// The hash of the token that it was begun with: a removed token ends it.
    token_hash: String,
    until: Duration,
}

/// Everybody who is signed in. A restart signs everybody out.
pub struct Sessions {
    open: Mutex<HashMap<[u8; 32], OpenSession>>,
    failures: Mutex<HashMap<IpAddr, (u32, Duration)>>,
    form_key: [u8; 32],
}

impl Sessions {
    /// Sessions of nobody yet.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn new() -> VerbResult<Self> {
        Ok(Self { open: Mutex::default(), failures: Mutex::default(), form_key: random()? })
    }

    /// Signs a person in: always under a new id, whatever cookie came with the request.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn begin(&self, token: &PageToken, now: Duration) -> VerbResult<String> {
        let id = hex(&random()?);
        let person = Person { name: token.name.clone(), may: token.may };
        let session = OpenSession { person, token_hash: token.hash.clone(), until: now + LIFETIME };
        let mut open = self.open.lock().expect("no holder of this lock can panic");
        open.retain(|_, session| session.until > now);
        if open.len() >= MAX_SESSIONS
            && let Some(oldest) = open.iter().min_by_key(|(_, session)| session.until).map(|(key, _)| *key)
        {
            open.remove(&oldest);
        }
        open.insert(key_of(&id), session);
        Ok(id)
    }

    /// The person whose session it is; `None` once it is over or its token was removed.
    pub fn person(&self, id: &str, tokens: &[PageToken], now: Duration) -> Option<Person> {
        let open = self.open.lock().expect("no holder of this lock can panic");
        let session = open.get(&key_of(id)).filter(|session| session.until > now)?;
        let is_known = |token: &PageToken| token.hash == session.token_hash && token.name == session.person.name;
        tokens.iter().any(is_known).then(|| session.person.clone())
    }

    /// Ends a session.
    pub fn end(&self, id: &str) {
        self.open.lock().expect("no holder of this lock can panic").remove(&key_of(id));
    }

    /// The person whose token it is; `Err` holds how long an address with too many wrong ones has to wait.
    ///
    /// # Errors
    /// The time to wait.
    pub fn try_token<'t>(
        &self,
        tokens: &'t [PageToken],
        token: &str,
        (from, now): (IpAddr, Duration),
    ) -> Result<Option<&'t PageToken>, Duration> {
        let mut failures = self.failures.lock().expect("no holder of this lock can panic");
        failures.retain(|_, (_, since)| now.saturating_sub(*since) < PENALTY_TIME);
        if failures.len() >= MAX_ADDRESSES {
            return Err(PENALTY_TIME);
        }
        if let Some((count, since)) = failures.get(&from)
            && *count >= MAX_FAILURES
        {
            return Err(PENALTY_TIME.saturating_sub(now.saturating_sub(*since)));
        }
        let owner = page_token::owner(tokens, token);
        match owner {
            Some(_) => drop(failures.remove(&from)),
            None => failures.entry(from).or_insert((0, now)).0 += 1,
        }
        Ok(owner)
    }

    /// The token of a form that is made for this session, or for whoever has none.
    pub fn form_token(&self, session: Option<&str>) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.form_key).expect("HMAC takes a key of any length");
        mac.update(session.unwrap_or("nobody").as_bytes());
        hex(&mac.finalize().into_bytes())
    }

    /// Whether a form was made for this session; compared in constant time.
    pub fn is_own_form(&self, session: Option<&str>, given: &str) -> bool {
        self.form_token(session).as_bytes().ct_eq(given.as_bytes()).into()
    }
}

/// The sessions are found by a hash of their ids, so that no comparison of ids tells anything by its time.
fn key_of(id: &str) -> [u8; 32] {
    Sha256::digest(id.as_bytes()).into()
}

fn random() -> VerbResult<[u8; 32]> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).map_err(|error| VerbError::Failed(format!("no random bytes: {error}")))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verbs::page_token::{PageRights, hash_of};

    fn token(name: &str, text: &str) -> PageToken {
        PageToken {
            name: name.to_owned(),
            may: PageRights::Act,
            hash: hash_of(text),
            since: jiff::Timestamp::UNIX_EPOCH,
            by: "root".to_owned(),
        }
    }

    const NOW: Duration = Duration::from_secs(1_000);

    #[test]
    fn a_session_ends_with_its_day_with_its_token_and_by_hand() {
        let sessions = Sessions::new().expect("random bytes");
        let tokens = [token("maria", "one")];
        let id = sessions.begin(&tokens[0], NOW).expect("a session");
        let name = |tokens: &[PageToken], now| sessions.person(&id, tokens, now).map(|person| person.name);
        assert_eq!(name(&tokens, NOW).as_deref(), Some("maria"));
        assert_eq!(name(&tokens, NOW + LIFETIME), None);
        assert_eq!(name(&[], NOW), None, "the token was removed");
        assert_eq!(name(&[token("maria", "two")], NOW), None, "the token was replaced");
        assert_eq!(sessions.person("another", &tokens, NOW), None);
        sessions.end(&id);
        assert_eq!(name(&tokens, NOW), None);
    }

    #[test]
    fn each_sign_in_gets_an_id_of_its_own() {
        let sessions = Sessions::new().expect("random bytes");
        let ids: Vec<String> =
            (0..3).map(|_| sessions.begin(&token("maria", "one"), NOW).expect("a session")).collect();
        assert!(ids[0] != ids[1] && ids[1] != ids[2] && ids.iter().all(|id| id.len() == 64), "{ids:?}");
    }

    #[test]
    fn whoever_guesses_waits_and_nobody_else_does() {
        let sessions = Sessions::new().expect("random bytes");
        let tokens = [token("maria", "one")];
        let (attacker, desk) = ("10.0.0.9".parse().expect("an address"), "10.0.0.5".parse().expect("an address"));
        for _ in 0..MAX_FAILURES {
            assert_eq!(sessions.try_token(&tokens, "guess", (attacker, NOW)), Ok(None));
        }
        assert_eq!(sessions.try_token(&tokens, "one", (attacker, NOW)), Err(PENALTY_TIME), "even with the right one");
        assert!(sessions.try_token(&tokens, "one", (desk, NOW)).is_ok_and(|owner| owner.is_some()));
        assert!(sessions.try_token(&tokens, "one", (attacker, NOW + PENALTY_TIME)).is_ok_and(|owner| owner.is_some()));
    }

    #[test]
    fn a_form_serves_the_session_it_was_made_for() {
        let sessions = Sessions::new().expect("random bytes");
        let form = sessions.form_token(Some("a"));
        assert!(sessions.is_own_form(Some("a"), &form));
        assert!(!sessions.is_own_form(Some("b"), &form) && !sessions.is_own_form(None, &form));
        let other = Sessions::new().expect("random bytes");
        assert!(!other.is_own_form(Some("a"), &form), "another process");
    }
}
