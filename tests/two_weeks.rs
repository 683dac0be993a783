//! Two weeks of a clinic, at random: bookings, moves, cancellations, corrections, opt-outs, broken exports, held runs, pauses
//! and a service that is down at times. A judge that knows only the exported files, the calls and the audit log says
//! whether everybody was called who should have been, nobody twice, nobody at night, nobody after an opt-out, and whether
//! the log has the reason of each call that was not made.
//!
//! `PROPTEST_RNG_SEED=7 TICKLER_WALKS=20 ./test --test two_weeks` walks twenty other ways.

#[allow(dead_code, reason = "shared with the service's suite, of which this takes a part")]
#[path = "daemon/clinic.rs"]
mod clinic;
#[path = "two_weeks/export.rs"]
mod export;
#[path = "two_weeks/judge.rs"]
mod judge;
#[path = "two_weeks/reasons.rs"]
mod reasons;
#[path = "support/mod.rs"]
mod support;
#[path = "two_weeks/walk.rs"]
mod walk;

use judge::Judge;
use support::chance::Chance;
use walk::Walk;

/// The number of walks unless the environment asks for more.
const WALKS: u64 = 1;
/// The seed that `./test` sets.
const USUAL_SEED: u64 = 20_261_124;

#[expect(clippy::disallowed_methods, reason = "how many walks, and which, is asked for where the test is started")]
fn asked(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn in_two_random_weeks_nobody_is_called_wrongly_or_left_out_without_a_reason() {
    let walks = asked("TICKLER_WALKS").unwrap_or(WALKS);
    let first = asked("PROPTEST_RNG_SEED").unwrap_or(USUAL_SEED);
    for number in 0..walks {
        let seed = first.wrapping_add(number);
        let walked = Walk::begin(Chance(seed)).await.walk_to_the_end().await;
        let faults = Judge::of(&walked).faults();
        assert!(faults.is_empty(), "walk {seed}, {} faults:\n{}", faults.len(), faults.join("\n"));
        if asked("PROPTEST_RNG_SEED").is_none_or(|seed| seed == USUAL_SEED) && number == 0 {
            walked.was_eventful();
        }
    }
}
