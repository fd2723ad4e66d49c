//! The deadline of a gRPC call: what the client asked for, within what the node allows.

use std::time::Duration;

use tokio::time::Instant;
use tonic::Request;

use crate::app::ConnInfo;
use crate::front::{Context, Front};

/// Ours ends a little earlier than the client's, so that the client gets our status.
const EARLY: Duration = Duration::from_millis(5);

pub(super) fn context<T>(front: &Front, request: &Request<T>) -> Context {
    let info = request.extensions().get::<ConnInfo>().cloned().unwrap_or_default();
    let asked =
        request.metadata().get("grpc-timeout").and_then(|value| parse(value.to_str().ok()?));
    let limit = front.limits().timeout;
    let allowed = asked.map_or(limit, |asked| asked.saturating_sub(EARLY).min(limit));
    let now = Instant::now();
    let min_height = request
        .metadata()
        .get("x-kwil-min-height")
        .and_then(|value| value.to_str().ok()?.parse().ok());
    let deadline = now.checked_add(allowed).unwrap_or(now);
    Context::new(info.request_id, info.client, deadline, min_height)
}

/// `<1 to 8 digits><unit>` with the units `H M S m u n`.
fn parse(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let count: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(count.checked_mul(3600)?),
        "M" => Duration::from_secs(count.checked_mul(60)?),
        "S" => Duration::from_secs(count),
        "m" => Duration::from_millis(count),
        "u" => Duration::from_micros(count),
        "n" => Duration::from_nanos(count),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grpc_timeouts() {
        assert_eq!(parse("200m"), Some(Duration::from_millis(200)));
        assert_eq!(parse("99999999H"), Some(Duration::from_secs(99_999_999 * 3600)));
        assert_eq!(parse("0n"), Some(Duration::ZERO));
        for text in ["", "m", "1", "1x", "123456789S", "-1S", "1.5S", "é"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
