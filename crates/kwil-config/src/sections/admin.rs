use crate::admin_listen::AdminListen;
use crate::peer::WhitelistEntry;
use crate::secret::Secret;
use crate::section::section;

section! {
    /// service for the operator
    "admin" => AdminConfig {
        /// serve it
        enable: bool = true,
        /// UNIX socket path, or host:port (TLS is on unless the host is loopback)
        listen: AdminListen = AdminListen::default(),
        /// password that clients send
        pass: Secret = Secret::default(),
        /// file that holds the password instead
        pass_file: String = String::new(),
        /// no TLS even when the address is not loopback
        notls: bool = false,
        /// serve gRPC over QUIC beside TCP when TLS is on
        quic: bool = true,
        /// group that may use the UNIX socket beside the owner
        socket_group: String = String::new(),
        /// node IDs whose identity certificate is accepted over QUIC
        allowed_keys: Vec<WhitelistEntry> = Vec::new(),
    }
}
