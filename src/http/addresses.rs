//! pure: the addresses that are never connected to: cloud metadata services and link-local ones, in every spelling and behind
//! names.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

/// Why an address is refused: it is a cloud metadata service or link-local.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct RefusedAddress(pub String);

/// Names of metadata services, which give a cloud's credentials to any client inside it.
const METADATA_NAMES: [&str; 6] = [
    "metadata.google.internal",
    "metadata.goog",
    "metadata",
    "instance-data",
    "instance-data.ec2.internal",
    "metadata.tencentyun.com",
];

/// Metadata services outside the link-local ranges: Alibaba, Oracle's classic one, Azure's wire server.
const METADATA_V4: [Ipv4Addr; 3] =
    [Ipv4Addr::new(100, 100, 100, 200), Ipv4Addr::new(192, 0, 0, 192), Ipv4Addr::new(168, 63, 129, 16)];

/// Amazon's and Google's metadata services by IPv6.
const METADATA_V6: [Ipv6Addr; 2] =
    [Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254), Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)];

/// Checks the URL's host as written. Names are checked again when they are resolved.
///
/// # Errors
/// With the reason, for people.
pub fn check_host(url: &Url) -> Result<(), RefusedAddress> {
    match url.host() {
        None => Err(RefusedAddress("the address names no host".into())),
        Some(Host::Ipv4(address)) => check_address(address.into()),
        Some(Host::Ipv6(address)) => check_address(address.into()),
        Some(Host::Domain(name)) => check_name(name),
    }
}

/// Whether a host name is a metadata service's; names are compared without case and the root's dot.
///
/// # Errors
/// With the reason, for people.
pub(super) fn check_name(name: &str) -> Result<(), RefusedAddress> {
    let plain = name.trim_end_matches('.');
    if METADATA_NAMES.iter().any(|known| known.eq_ignore_ascii_case(plain)) {
        return Err(metadata());
    }
    Ok(())
}

/// Checks an address, literal or resolved. Loopback and private ranges are allowed: they are the author's choice.
///
/// # Errors
/// With the reason, for people.
pub(super) fn check_address(address: IpAddr) -> Result<(), RefusedAddress> {
    match address {
        IpAddr::V4(v4) => check_v4(v4),
        IpAddr::V6(v6) if METADATA_V6.contains(&v6) => Err(metadata()),
        IpAddr::V6(v6) if v6.is_unicast_link_local() => Err(link_local()),
        IpAddr::V6(v6) => embedded_v4(v6).map_or(Ok(()), check_v4),
    }
}

fn check_v4(address: Ipv4Addr) -> Result<(), RefusedAddress> {
    if METADATA_V4.contains(&address) {
        return Err(metadata());
    }
    if address.is_link_local() {
        return Err(link_local());
    }
    Ok(())
}

fn metadata() -> RefusedAddress {
    RefusedAddress(
        "the address is a cloud metadata service, which gives out credentials: no request is sent to it".into(),
    )
}

fn link_local() -> RefusedAddress {
    RefusedAddress("the address is link-local (such as cloud metadata services): no request is sent to it".into())
}

/// The IPv4 address inside an IPv6 one: mapped and compatible (RFC 4291), NAT64 (RFC 6052), 6to4 (RFC 3056).
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let s = address.segments();
    let [a, b] = match s {
        [0, 0, 0, 0, 0, 0 | 0xffff, a, b] | [0x64, 0xff9b, 0, 0, 0, 0, a, b] | [0x2002, a, b, ..] => [a, b],
        _ => return None,
    };
    let [[w, x], [y, z]] = [a.to_be_bytes(), b.to_be_bytes()];
    Some(Ipv4Addr::new(w, x, y, z))
}

/// Whether the URL's host is this machine: a loopback literal or `localhost`, which the resolver restricts to loopback.
#[must_use]
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        None => false,
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.to_canonical().is_loopback(),
        Some(Host::Domain(name)) => is_localhost(name),
    }
}

/// Whether a name is `localhost`, with or without the root's dot.
pub(super) fn is_localhost(name: &str) -> bool {
    name.strip_suffix('.').unwrap_or(name).eq_ignore_ascii_case("localhost")
}
