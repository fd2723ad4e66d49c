use std::collections::BTreeMap;

use crate::section::section;

section! {
    /// ERC-20 bridge
    "erc20_bridge" => Erc20BridgeConfig {
        /// websocket URL of a node per chain: { sepolia = 'wss://...' }
        rpc: BTreeMap<String, String> = BTreeMap::new(),
        /// blocks asked for at a time per chain (1000000 when absent)
        block_sync_chunk_size: BTreeMap<String, String> = BTreeMap::new(),
        /// key file per bridge alias, or 'validator'
        signer: BTreeMap<String, String> = BTreeMap::new(),
        /// first block to read per chain
        start_block: BTreeMap<String, String> = BTreeMap::new(),
    }
}
