use kwil_types::GoDuration;

use super::{millis, seconds};
use crate::section::section;

section! {
    /// agreement on blocks; nodes may differ here without harm, but validators should be similar
    "consensus" => ConsensusConfig {
        /// longest time a leader waits before it proposes a block with transactions; 500ms or more
        propose_timeout: GoDuration = seconds(1),
        /// time without transactions after which an empty block is proposed; 0s is never
        empty_block_timeout: GoDuration = seconds(60),
        /// interval at which an unanswered proposal is sent again
        block_proposal_interval: GoDuration = seconds(1),
        /// interval at which the newest commit is announced to peers that are behind
        block_ann_interval: GoDuration = seconds(3),
        /// propose as soon as transactions arrive instead of waiting for propose_timeout
        eager: bool = true,
        /// time in which an eager leader gathers more transactions after the first one
        batch_delay: GoDuration = millis(2),
        /// least time between two proposals of an eager leader
        min_block_interval: GoDuration = millis(20),
        /// interval of the sign of life that validators send each other
        heartbeat_interval: GoDuration = millis(250),
        /// silence after which a validator counts as gone; at least 3 x heartbeat_interval
        leader_timeout: GoDuration = seconds(1),
        /// time without progress after which the next leader takes over; at least leader_timeout
        view_timeout: GoDuration = seconds(2),
        /// hand leadership back to the preferred leader when it is well again
        leader_return: bool = true,
        /// replace a silent leader automatically; false leaves it to the operators and replace-leader
        automatic_failover: bool = true,
        /// a leader abandons its own block when executing it takes longer; 0s is never
        max_block_time: GoDuration = GoDuration::ZERO,
        /// a leader abandons its own block when one transaction of it runs longer, and refuses that one for ten minutes; 0s is never
        max_tx_time: GoDuration = seconds(10),
        /// executing a block longer than this is a fault of the node: it stops voting
        max_exec_time: GoDuration = seconds(600),
    }
}
