use kwil_types::GoDuration;

use super::seconds;
use crate::byte_size::ByteSize;
use crate::host_port::HostPort;
use crate::section::section;
use crate::setting::choice;

choice! {
    /// A group of RPC methods.
    ServiceName {
        /// Accounts, transactions, queries.
        User = "user",
        /// Blocks, validators, parameters.
        Chain = "chain",
        /// Signature checks and the like.
        Function = "function",
        /// Operation of the node.
        Admin = "admin",
    }
    error |name| format!("rpc.disable_services: invalid namespace {name}")
}

choice! {
    /// Whether callers of read actions may or must sign.
    SignedCallers {
        /// A signature is checked when there is one.
        Optional = "optional",
        /// Unsigned callers have no identity.
        Required = "required",
    }
    error |word| format!("unknown value '{word}' (must be optional or required)")
}

section! {
    /// service for users and clients
    "rpc" => RpcConfig {
        /// address of JSON-RPC, REST and gRPC (TCP) and of gRPC over QUIC (UDP)
        listen: HostPort = HostPort::new("0.0.0.0", 8484),
        /// how long a broadcast that waits for its block may wait
        broadcast_tx_timeout: GoDuration = seconds(15),
        /// longest time of a request; should exceed broadcast_tx_timeout
        timeout: GoDuration = seconds(20),
        /// most bytes of a request
        max_req_size: ByteSize = ByteSize::new(6_000_000),
        /// private mode: callers prove who they are, no ad-hoc queries, no raw transactions
        private: bool = false,
        /// compress responses
        compression: bool = false,
        /// how long a challenge of the private mode is valid
        challenge_expiry: GoDuration = seconds(30),
        /// challenges per second and client address
        challenge_rate_limit: f64 = 10.0,
        /// services to turn off: 'user', 'chain', 'function', 'admin'
        disabled_services: Vec<ServiceName> = Vec::new(),
        /// serve gRPC over QUIC on the UDP port of the same number
        quic: bool = true,
        /// most calls in one JSON-RPC batch
        max_batch: u32 = 64,
        /// most rows of one result; 0 is no limit
        max_result_rows: i64 = 1_000_000,
        /// most bytes of one response; 0 is no limit
        max_response_size: ByteSize = ByteSize::new(67_108_864),
        /// memory for responses over all requests; 0 is no limit
        response_memory: ByteSize = ByteSize::new(536_870_912),
        /// most open connections
        max_connections: u32 = 4096,
        /// weighted requests per second and client address; 0 is no limit
        rate_limit: u32 = 0,
        /// number of proxies in front whose X-Forwarded-For is believed
        trusted_proxies: u32 = 0,
        /// origins that browsers may call from
        cors_origins: Vec<String> = vec!["*".to_owned()],
        /// whether callers sign: 'optional' or 'required'
        signed_callers: SignedCallers = SignedCallers::Optional,
        /// refuse ad-hoc queries
        disable_query: bool = false,
        /// refuse queries whose estimated cost is higher; 0 is no limit
        max_query_cost: i64 = 0,
        /// refuse a transaction that the node already knows
        strict_rebroadcast: bool = false,
        /// give query results the row order that execution in blocks has
        ordered_reads: bool = false,
        /// PEM certificate for HTTPS; with tls_key
        [optional]
        tls_cert: String = String::new(),
        /// PEM key for HTTPS; with tls_cert
        [optional]
        tls_key: String = String::new(),
    }
    nested {
        /// Sessions of browser users, kept by the node.
        gateway: GatewayConfig,
    }
}

section! {
    /// sessions for browser users without a separate gateway
    "rpc.gateway" => GatewayConfig {
        /// serve the session methods
        enable: bool = false,
        /// let sessions run ad-hoc queries
        allow_query: bool = true,
    }
}
