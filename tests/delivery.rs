//! The sender over a real ledger and real sockets: every fault, what becomes of its reminder, and what is never sent twice.

#[path = "delivery/calls.rs"]
mod calls;
#[path = "delivery/dispatching.rs"]
mod dispatching;
#[path = "delivery/faults.rs"]
mod faults;
#[path = "delivery/last_look.rs"]
mod last_look;
mod support;

use support::{Conduct, answer};

/// A plain answer with an envelope.
fn plain(status: &str) -> Conduct {
    Conduct::Answer(answer(status, &[], r#"{"error":null,"data":{}}"#))
}
