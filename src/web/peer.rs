//! shell: which user of this machine is at the other end of a loopback connection.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use crate::disk::{self, Links};

/// The table of a busy machine; a longer one is not read.
const MAX_TABLE: u64 = 8 << 20;

/// The number of the user whose process has connected from `peer` to `own`. `None`: it can't be found out.
#[must_use]
pub fn user_at(peer: SocketAddr, own: SocketAddr) -> Option<u32> {
    let table = if peer.is_ipv4() { "/proc/net/tcp" } else { "/proc/net/tcp6" };
    user_in(&disk::read_text(Path::new(table), Links::Followed, MAX_TABLE).ok()?, peer, own)
}

/// The user of that connection's socket, in the kernel's table of sockets (proc(5)).
fn user_in(table: &str, peer: SocketAddr, own: SocketAddr) -> Option<u32> {
    let (peer, own) = (in_hex(peer), in_hex(own));
    let rows = table.lines().skip(1).map(|line| line.split_ascii_whitespace().collect::<Vec<_>>());
    let mut rows = rows.filter(|cells| cells.get(1) == Some(&peer.as_str()) && cells.get(2) == Some(&own.as_str()));
    rows.next()?.get(7)?.parse().ok()
}

/// An address as the table writes it: groups of four bytes, each in the machine's own order.
fn in_hex(address: SocketAddr) -> String {
    let bytes = match address.ip() {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    let group = |group: &[u8]| format!("{:08X}", u32::from_ne_bytes([group[0], group[1], group[2], group[3]]));
    let ip: String = bytes.chunks_exact(4).map(group).collect();
    format!("{ip}:{:04X}", address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_of_a_connection_is_that_of_its_socket() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let own = listener.local_addr().expect("an address");
        let caller = std::net::TcpStream::connect(own).expect("a connection");
        let peer = caller.local_addr().expect("an address");
        assert_eq!(user_at(peer, own), Some(rustix::process::getuid().as_raw()));
        assert_eq!(user_at(own, own), None);
    }
}
