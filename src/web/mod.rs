//! shell: `/healthz` and `/readyz`, loopback by default.
