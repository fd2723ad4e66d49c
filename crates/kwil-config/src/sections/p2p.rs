use kwil_types::GoDuration;

use super::seconds;
use crate::host_port::HostPort;
use crate::peer::{Peer, WhitelistEntry};
use crate::section::section;

section! {
    /// peers: QUIC over UDP
    "p2p" => P2pConfig {
        /// UDP address to listen on; ':6600' is every interface
        listen: HostPort = HostPort::new("0.0.0.0", 6600),
        /// exchange peer addresses with other nodes
        pex: bool = true,
        /// nodes to dial first, '<pubkey>#<type>@<host>:<port>'; a list, or one string with commas
        bootnodes: Vec<Peer> = Vec::new(),
        /// accept connections only from validators, bootnodes, trusted providers and the whitelist
        private: bool = false,
        /// node IDs that may connect in private mode
        whitelist: Vec<WhitelistEntry> = Vec::new(),
        /// node IDs whose addresses are not given to other peers
        hide: Vec<WhitelistEntry> = Vec::new(),
        /// number of peers to aim for
        target_connections: u32 = 20,
        /// host:port under which other nodes reach this one, when it differs from the listen address
        external_address: Option<HostPort> = None,
    }
    nested {
        /// Nodes that are refused.
        blacklist: BlacklistConfig,
    }
}

section! {
    /// refused nodes
    "p2p.blacklist" => BlacklistConfig {
        /// use the blacklist
        enable: bool = true,
        /// blacklist a node that could not be reached many times; never validators and bootnodes
        auto_blacklist_on_max_retries: bool = true,
        /// how long such a node stays listed; 0s is for ever
        auto_blacklist_duration: GoDuration = seconds(3600),
    }
}
