//! From where an address can be reached, and who may be told of it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use kwil_config::HostPort;

/// Reach of an address, nearest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scope {
    /// This machine.
    Loopback,
    /// This site: RFC 1918, unique local, link-local, shared address space of carriers.
    Private,
    /// Everywhere.
    Global,
}

impl Scope {
    /// `None` for addresses that nobody can dial: unspecified, multicast, broadcast, documentation.
    pub(crate) fn of(ip: IpAddr) -> Option<Self> {
        match ip.to_canonical() {
            IpAddr::V4(ip) => Self::of_v4(ip),
            IpAddr::V6(ip) => Self::of_v6(ip),
        }
    }

    fn of_v4(ip: Ipv4Addr) -> Option<Self> {
        let [first, second, ..] = ip.octets();
        if first == 0
            || ip.is_multicast()
            || ip.is_broadcast()
            || ip.is_documentation()
            || first >= 240
        {
            None
        } else if ip.is_loopback() {
            Some(Self::Loopback)
        } else if ip.is_private() || ip.is_link_local() || (first == 100 && second & 0xc0 == 64) {
            Some(Self::Private)
        } else {
            Some(Self::Global)
        }
    }

    fn of_v6(ip: Ipv6Addr) -> Option<Self> {
        let documentation = matches!(ip.segments(), [0x2001, 0xdb8, ..]);
        if ip.is_unspecified() || ip.is_multicast() || documentation {
            None
        } else if ip.is_loopback() {
            Some(Self::Loopback)
        } else if ip.is_unique_local() || ip.is_unicast_link_local() {
            Some(Self::Private)
        } else {
            Some(Self::Global)
        }
    }

    /// Whether an address of this scope means the same to a node that is seen at `distance`. Loopback addresses stay
    /// on the machine, private ones on the machine and the site.
    pub(crate) fn reaches(self, distance: Self) -> bool {
        self >= distance
    }
}

/// Scope of `host:port`; `None` when it can never be dialled. A name counts as global: what it resolves to is checked
/// when it is dialled.
pub(crate) fn of_address(address: &HostPort) -> Option<Scope> {
    if address.port() == 0 || address.host().is_empty() {
        return None;
    }
    match address.host().parse::<IpAddr>() {
        Ok(ip) => Scope::of(ip),
        Err(_) if address.host() == "localhost" => Some(Scope::Loopback),
        Err(_) => Some(Scope::Global),
    }
}

/// Whether an address may be given to, or taken from, a node seen at `distance`.
pub(crate) fn may_pass(address: &HostPort, distance: Scope) -> bool {
    of_address(address).is_some_and(|scope| scope.reaches(distance))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(text: &str) -> Option<Scope> {
        of_address(&text.parse().unwrap())
    }

    #[test]
    fn scope_of_each_kind_of_address() {
        for (text, want) in [
            ("127.0.0.1:6600", Some(Scope::Loopback)),
            ("127.8.9.1:6600", Some(Scope::Loopback)),
            ("localhost:6600", Some(Scope::Loopback)),
            ("[::1]:6600", Some(Scope::Loopback)),
            ("[::ffff:127.0.0.1]:6600", Some(Scope::Loopback)),
            ("10.0.0.1:6600", Some(Scope::Private)),
            ("172.16.0.1:6600", Some(Scope::Private)),
            ("172.32.0.1:6600", Some(Scope::Global)),
            ("192.168.1.1:6600", Some(Scope::Private)),
            ("169.254.1.1:6600", Some(Scope::Private)),
            ("100.64.0.1:6600", Some(Scope::Private)),
            ("100.128.0.1:6600", Some(Scope::Global)),
            ("[fd00::1]:6600", Some(Scope::Private)),
            ("[fe80::1]:6600", Some(Scope::Private)),
            ("8.8.8.8:6600", Some(Scope::Global)),
            ("[2606:4700::1]:6600", Some(Scope::Global)),
            ("node.example.org:6600", Some(Scope::Global)),
            ("8.8.8.8:0", None),
            ("0.0.0.0:6600", None),
            ("[::]:6600", None),
            ("224.0.0.1:6600", None),
            ("255.255.255.255:6600", None),
            ("240.0.0.1:6600", None),
            ("192.0.2.7:6600", None),
            ("[ff02::1]:6600", None),
            ("[2001:db8::1]:6600", None),
        ] {
            assert_eq!(scope(text), want, "{text}");
        }
    }

    #[test]
    fn addresses_pass_only_to_where_they_mean_the_same() {
        use Scope::{Global, Loopback, Private};
        for (address, told_by, passes) in [
            ("127.0.0.1:1", Loopback, true),
            ("127.0.0.1:1", Private, false),
            ("127.0.0.1:1", Global, false),
            ("10.0.0.1:1", Loopback, true),
            ("10.0.0.1:1", Private, true),
            ("10.0.0.1:1", Global, false),
            ("8.8.8.8:1", Loopback, true),
            ("8.8.8.8:1", Private, true),
            ("8.8.8.8:1", Global, true),
            ("0.0.0.0:1", Loopback, false),
            ("8.8.8.8:0", Global, false),
        ] {
            assert_eq!(
                may_pass(&address.parse().unwrap(), told_by),
                passes,
                "{address} {told_by:?}"
            );
        }
    }
}
