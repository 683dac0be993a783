//! pure: maps with an entry for each row or reminder. They hash several times as fast as those of std. Every process has another
//! seed, so that nobody can choose ids that slow a map down.

/// How they hash.
pub type Seed = foldhash::fast::RandomState;

/// A map of rows or reminders.
pub type SeededMap<K, V> = std::collections::HashMap<K, V, Seed>;

/// A set of rows or reminders.
pub type SeededSet<K> = std::collections::HashSet<K, Seed>;
