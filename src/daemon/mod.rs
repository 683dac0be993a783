//! shell: the service: heartbeat, reload, signals, systemd, control socket.

pub mod board;
pub mod heartbeat;
