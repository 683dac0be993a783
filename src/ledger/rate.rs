//! pure: how many requests an account may start: a GCRA with a burst of one, whose whole state is one number.

/// Whether a request may start now, and what to remember. Times in µs UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It may; the next one not before `tat`.
    Now {
        /// The state afterwards.
        tat: i64,
    },
    /// It may not before `tat`.
    At {
        /// The state, corrected when the wall clock went back.
        tat: i64,
    },
}

/// Asks for one request. `tat`: the theoretical arrival time, before which nothing may start (`None`: nothing was ever
/// started); `interval`: between two requests.
#[must_use]
pub fn admit(tat: Option<i64>, interval: i64, now: i64) -> Admission {
    let next = now.saturating_add(interval);
    match tat {
        // With a burst of one no state is further ahead than one interval, unless the clock was set back.
        Some(tat) if tat > now => Admission::At { tat: tat.min(next) },
        Some(_) | None => Admission::Now { tat: next },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn ninety_five_a_minute_never_start_more_than_ninety_six_in_sixty_seconds(
            steps in proptest::collection::vec(0_i64..900_000, 1..2_000),
        ) {
            let interval = 60_000_000 / 95;
            let (mut now, mut tat, mut starts) = (0_i64, None, Vec::new());
            for step in steps {
                now += step;
                match admit(tat, interval, now) {
                    Admission::Now { tat: next } => { tat = Some(next); starts.push(now); }
                    Admission::At { tat: next } => tat = Some(next),
                }
            }
            for (index, start) in starts.iter().enumerate() {
                let within = starts[index..].iter().take_while(|later| **later < start + 60_000_000).count();
                proptest::prop_assert!(within <= 96, "{within} starts in 60 s");
            }
        }
    }

    #[test]
    fn a_clock_that_was_set_back_costs_one_interval_at_most() {
        let Admission::At { tat } = admit(Some(3_600_000_000), 1_000_000, 0) else { panic!("not yet") };
        assert_eq!(tat, 1_000_000);
        assert_eq!(admit(Some(tat), 1_000_000, 1_000_000), Admission::Now { tat: 2_000_000 });
    }
}
