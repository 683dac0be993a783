//! shell: the ledger in one SQLite file: one writer thread with group commit, read-only readers beside it.
