//! pure: maps that hold an entry for each row or reminder: hashed several times as fast as std's, with a seed of their own in
//! every process, so that nobody can write ids that share a place.

/// How they hash.
pub type Seed = foldhash::fast::RandomState;

/// A map of rows or reminders.
pub type SeededMap<K, V> = std::collections::HashMap<K, V, Seed>;

/// A set of rows or reminders.
pub type SeededSet<K> = std::collections::HashSet<K, Seed>;
