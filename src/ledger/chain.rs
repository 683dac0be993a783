//! pure: the hash chain of the audit log.
