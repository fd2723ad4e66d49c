//! Addresses of this machine, as the kernel lists them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Where a listener on all interfaces is reached, with its port. Link-local addresses are left out: they mean nothing
/// without an interface.
pub(super) fn addresses(port: u16) -> Vec<String> {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let four = four(&read("/proc/net/fib_trie")).into_iter().map(IpAddr::V4);
    let six = six(&read("/proc/net/if_inet6")).into_iter().map(IpAddr::V6);
    four.chain(six).map(|ip| SocketAddr::new(ip, port).to_string()).collect()
}

/// The kernel's routing trie marks each own address with `/32 host LOCAL` on the line below it.
fn four(trie: &str) -> Vec<Ipv4Addr> {
    let mut found = Vec::new();
    for (above, line) in trie.lines().zip(trie.lines().skip(1)) {
        let address =
            above.trim_start().strip_prefix("|-- ").and_then(|text| text.parse::<Ipv4Addr>().ok());
        if let Some(address) = address.filter(|_| line.contains("/32 host LOCAL"))
            && !found.contains(&address)
        {
            found.push(address);
        }
    }
    // Others first: loopback helps nobody but this machine.
    found.sort_by_key(Ipv4Addr::is_loopback);
    found
}

/// One line an address: 32 hex digits, then index, prefix length, scope, flags and interface.
fn six(table: &str) -> Vec<Ipv6Addr> {
    let parse = |line: &str| {
        let digits = line.split_whitespace().next()?;
        let number = u128::from_str_radix(digits, 16).ok()?;
        Some(Ipv6Addr::from_bits(number))
    };
    table.lines().filter_map(parse).filter(|address| !address.is_unicast_link_local()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_addresses_are_read_from_the_routing_trie_loopback_last() {
        let trie = "Main:\n  +-- 0.0.0.0/0 3 0 5\n        |-- 127.0.0.1\n           /32 host LOCAL\n        |-- 10.77.3.2\n           /32 host LOCAL\n        \
                    |-- 10.77.3.255\n           /32 link BROADCAST\n";
        assert_eq!(four(trie), [Ipv4Addr::new(10, 77, 3, 2), Ipv4Addr::LOCALHOST]);
    }

    #[test]
    fn link_local_addresses_are_left_out() {
        let table = "00000000000000000000000000000001 01 80 10 80       lo\nfe800000000000000042acfffe110002 05 40 20 80     eth0\n";
        assert_eq!(six(table), [Ipv6Addr::LOCALHOST]);
    }
}
