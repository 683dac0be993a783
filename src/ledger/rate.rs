//! pure: how many requests an account may start: the generic cell rate algorithm (GCRA) with a burst of one, whose whole state is
//! one number, the time from which the next request may start.

/// Whether a request may start now, and what to remember. Times in µs UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It may; the next one not before `free_at`.
    Now {
        /// The state afterwards.
        free_at: i64,
    },
    /// It may not before `free_at`.
    At {
        /// The state, corrected when the wall clock went back.
        free_at: i64,
    },
}

/// Asks for one request. `free_at`: the theoretical arrival time, before which nothing may start (`None`: nothing was ever
/// started); `interval`: between two requests.
#[must_use]
pub fn admit(free_at: Option<i64>, interval: i64, now: i64) -> Admission {
    let next = now.saturating_add(interval);
    match free_at {
        // With a burst of one no state is further ahead than one interval, unless the clock was set back.
        Some(free_at) if free_at > now => Admission::At { free_at: free_at.min(next) },
        Some(_) | None => Admission::Now { free_at: next },
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
            let (mut now, mut free_at, mut starts) = (0_i64, None, Vec::new());
            for step in steps {
                now += step;
                match admit(free_at, interval, now) {
                    Admission::Now { free_at: next } => { free_at = Some(next); starts.push(now); }
                    Admission::At { free_at: next } => free_at = Some(next),
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
        let Admission::At { free_at } = admit(Some(3_600_000_000), 1_000_000, 0) else { panic!("not yet") };
        assert_eq!(free_at, 1_000_000);
        assert_eq!(admit(Some(free_at), 1_000_000, 1_000_000), Admission::Now { free_at: 2_000_000 });
    }
}
