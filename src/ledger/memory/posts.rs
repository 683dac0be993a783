//! pure: requests that were posted, in memory.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::tables::{Tables, micro};
use crate::ledger::chain::Hash;
use crate::ledger::{MINUTES_OF_RATE, PostRow, PostsAsk};
use crate::reminder::State;

/// A request with the keyed hash of its number.
#[derive(Debug, Clone)]
pub(super) struct KeptPost {
    row: PostRow,
    phone: Option<Hash>,
}

impl Tables {
    pub(super) fn post(&self, schedule: &str, appointment_id: &str) -> Option<PostRow> {
        let kept = self.posts.get(&(schedule.to_owned(), appointment_id.to_owned()))?;
        Some(kept.row.clone())
    }

    /// The requests that are asked for, in the order of their receipts.
    pub(super) fn posts_of(&self, ask: &PostsAsk) -> Vec<PostRow> {
        let is_asked_for = |post: &&PostRow| {
            ask.schedule.as_ref().is_none_or(|schedule| *schedule == post.schedule)
                && ask.appointment_id.as_ref().is_none_or(|id| *id == post.appointment_id)
                && ask.from.is_none_or(|from| post.received_at >= micro(from))
                && ask.until.is_none_or(|until| post.received_at < micro(until))
        };
        let mut found: Vec<PostRow> = self.posts.values().map(|kept| &kept.row).filter(is_asked_for).cloned().collect();
        found.sort_by(|one, other| {
            let key = |post: &PostRow| (post.received_at, post.schedule.clone(), post.appointment_id.clone());
            key(one).cmp(&key(other))
        });
        found
    }

    pub(super) fn put_post(&mut self, post: &PostRow, phone: Option<Hash>) {
        let row = PostRow { received_at: micro(post.received_at), posted_at: micro(post.posted_at), ..post.clone() };
        self.posts.insert((post.schedule.clone(), post.appointment_id.clone()), KeptPost { row, phone });
    }

    pub(super) fn count_post(&mut self, schedule: &str, minute: i64) {
        self.accepted_posts.retain(|(of, at), _| of != schedule || *at >= minute - MINUTES_OF_RATE);
        *self.accepted_posts.entry((schedule.to_owned(), minute)).or_default() += 1;
    }

    pub(super) fn accepted_posts(&self, schedule: &str, since: i64) -> (u64, Option<i64>) {
        let recent = self.accepted_posts.range((schedule.to_owned(), since)..);
        let recent: Vec<(i64, u64)> =
            recent.take_while(|((of, _), _)| of == schedule).map(|((_, minute), count)| (*minute, *count)).collect();
        (recent.iter().map(|(_, count)| count).sum(), recent.first().map(|(minute, _)| *minute))
    }

    /// Removes what was posted, unless its call is still to be made.
    pub(super) fn prune_posts(&mut self, before: Timestamp) {
        let open = self.held().filter(|held| matches!(held.state, State::Pending | State::Sending));
        let open: BTreeSet<(String, String)> =
            open.map(|held| (held.schedule.clone(), held.appointment_id.clone())).collect();
        let old = self.posts.iter_mut().filter(|(key, kept)| kept.row.posted_at < before && !open.contains(*key));
        old.for_each(|(_, kept)| (kept.row.body, kept.phone) = (None, None));
    }

    /// Removes what somebody with this phone has posted, and what belongs to these appointments.
    pub(super) fn erase_posts(&mut self, hash: &Hash, appointments: &BTreeSet<(String, String)>) {
        let of_person = |(key, kept): &(&(String, String), &mut KeptPost)| {
            kept.phone.as_ref() == Some(hash) || appointments.contains(*key)
        };
        self.posts.iter_mut().filter(of_person).for_each(|(_, kept)| (kept.row.body, kept.phone) = (None, None));
    }
}
