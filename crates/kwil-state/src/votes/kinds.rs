//! What the built-in resolution types need and how long they live.

use kwil_types::{GoDuration, NetworkParams, ResolutionType, Threshold};

const HOUR: i64 = 3_600;
const WEEK: i64 = 7 * 24 * HOUR;

/// The rules of a resolution type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// Which type.
    pub resolution_type: ResolutionType,
    /// Power that confirms it.
    pub threshold: Threshold,
    /// Power at which voters of an expired one are paid back.
    pub refund: Threshold,
    /// Whether an operator may create it directly; others come from transactions of their own or from events.
    pub by_operator: bool,
    /// Whether it may come from an event that a listener saw.
    pub by_event: bool,
    /// Whether an id that was processed can never be created again.
    pub remembered: bool,
    period: Period,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Period {
    JoinExpiry,
    Seconds(i64),
}

/// The rules of the type with this name; `None` when it is not built in or, like the migration to another network, not
/// available.
#[must_use]
pub fn kind_of(event_type: &str) -> Option<Kind> {
    let resolution_type = ResolutionType::from_name(event_type)?;
    let kind = |threshold, refund, period| Kind {
        resolution_type,
        threshold,
        refund,
        by_operator: false,
        by_event: false,
        remembered: true,
        period,
    };
    match resolution_type {
        ResolutionType::ValidatorJoin => Some(Kind {
            remembered: false,
            ..kind(Threshold::MORE_THAN_TWO_THIRDS, Threshold::ALL, Period::JoinExpiry)
        }),
        // At least, not more than: one dead validator of three must be removable.
        ResolutionType::ValidatorRemove => Some(Kind {
            remembered: false,
            ..kind(Threshold::AT_LEAST_TWO_THIRDS, Threshold::ALL, Period::JoinExpiry)
        }),
        ResolutionType::ParamUpdates => Some(Kind {
            by_operator: true,
            ..kind(Threshold::MORE_THAN_HALF, Threshold::ALL, Period::Seconds(WEEK))
        }),
        ResolutionType::CreditAccount => Some(Kind {
            by_event: true,
            ..kind(Threshold::MORE_THAN_HALF, Threshold::AT_LEAST_A_THIRD, Period::Seconds(HOUR))
        }),
        ResolutionType::Migration => None,
    }
}

impl Kind {
    /// When a resolution that is created now expires, in Unix seconds.
    #[must_use]
    pub fn expiration(&self, now: i64, params: &NetworkParams) -> i64 {
        let seconds = match self.period {
            Period::JoinExpiry => GoDuration::as_secs(params.join_expiry),
            Period::Seconds(seconds) => seconds,
        };
        now.saturating_add(seconds)
    }
}
