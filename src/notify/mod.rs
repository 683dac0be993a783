//! shell: telling people outside.
