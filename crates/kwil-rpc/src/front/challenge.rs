//! Challenges for authenticated reads: 32 bytes that only this process can have made, good once and for a short time.
//!
//! Nothing is stored for a challenge until it is used:
//! `8 random bytes ‖ u64 expiry in Unix milliseconds ‖ 16 bytes keyed BLAKE3 of both`.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use kwil_api::{RpcCode, RpcError};

/// Used challenges that are remembered until they expire.
const USED_MAX: usize = 1_000_000;
const MAC_LEN: usize = 16;

/// Issues and redeems challenges.
#[derive(Debug)]
pub(crate) struct Challenges {
    secret: Secret,
    life: Duration,
    used: Mutex<Used>,
}

#[derive(Debug, Default)]
struct Used {
    all: HashSet<[u8; 32]>,
    by_expiry: BTreeSet<(u64, [u8; 32])>,
}

struct Secret([u8; 32]);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(***)")
    }
}

impl Challenges {
    pub(crate) fn new(life: Duration) -> Result<Self, getrandom::Error> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret)?;
        Ok(Self { secret: Secret(secret), life, used: Mutex::default() })
    }

    /// A new challenge and its end, Unix milliseconds.
    pub(crate) fn issue(&self, now_ms: u64) -> Result<([u8; 32], u64), getrandom::Error> {
        let mut random = [0; 8];
        getrandom::fill(&mut random)?;
        let expires =
            now_ms.saturating_add(u64::try_from(self.life.as_millis()).unwrap_or(u64::MAX));
        let mut challenge = [0; 32];
        let (head, mac) = challenge.split_at_mut(MAC_LEN);
        let (nonce, expiry) = head.split_at_mut(8);
        nonce.copy_from_slice(&random);
        expiry.copy_from_slice(&expires.to_be_bytes());
        mac.copy_from_slice(&self.mac(head));
        Ok((challenge, expires))
    }

    fn mac(&self, head: &[u8]) -> [u8; MAC_LEN] {
        let mut mac = [0; MAC_LEN];
        blake3::Hasher::new_keyed(&self.secret.0).update(head).finalize_xof().fill(&mut mac);
        mac
    }

    /// Accepts a challenge once. It is used up even when what follows fails.
    pub(crate) fn redeem(&self, challenge: &[u8], now_ms: u64) -> Result<(), RpcError> {
        let whole: [u8; 32] = challenge.try_into().map_err(|_length| {
            RpcError::new(RpcCode::CHALLENGE_INVALID, "incorrect challenge data length")
        })?;
        let unknown = || RpcError::new(RpcCode::CHALLENGE_NOT_FOUND, "invalid challenge");
        let (head, mac) = challenge.split_at_checked(MAC_LEN).ok_or_else(unknown)?;
        if !same(mac, &self.mac(head)) {
            return Err(unknown());
        }
        let expires = head.last_chunk::<8>().map_or(0, |bytes| u64::from_be_bytes(*bytes));
        if expires <= now_ms {
            return Err(RpcError::new(RpcCode::CHALLENGE_EXPIRED, "challenge expired"));
        }
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.forget_until(now_ms);
        if used.all.len() >= USED_MAX {
            return Err(RpcError::new(RpcCode::TOO_MANY_CHALLENGES, "too many challenge requests"));
        }
        if !used.all.insert(whole) {
            return Err(unknown());
        }
        used.by_expiry.insert((expires, whole));
        Ok(())
    }
}

impl Used {
    fn forget_until(&mut self, now_ms: u64) {
        while let Some((expires, challenge)) = self.by_expiry.first().copied() {
            if expires > now_ms {
                return;
            }
            self.by_expiry.pop_first();
            self.all.remove(&challenge);
        }
    }
}

/// Compares without telling by time where the difference is.
pub(crate) fn same(left: &[u8], right: &[u8]) -> bool {
    left.len() == right.len() && left.iter().zip(right).fold(0, |all, (a, b)| all | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(result: Result<(), RpcError>) -> i32 {
        result.err().map_or(0, |error| error.code().0)
    }

    #[test]
    fn a_challenge_is_good_once() {
        let challenges = Challenges::new(Duration::from_secs(30)).unwrap();
        let (challenge, expires) = challenges.issue(1_000).unwrap();
        assert_eq!(expires, 31_000);
        assert_eq!(code(challenges.redeem(&challenge, 2_000)), 0);
        assert_eq!(code(challenges.redeem(&challenge, 2_001)), -1001);
    }

    #[test]
    fn foreign_old_and_short_challenges_are_told_apart() {
        let challenges = Challenges::new(Duration::from_secs(30)).unwrap();
        let (foreign, _) = Challenges::new(Duration::from_secs(30)).unwrap().issue(0).unwrap();
        assert_eq!(code(challenges.redeem(&foreign, 1)), -1001);
        let (mut challenge, expires) = challenges.issue(0).unwrap();
        assert_eq!(code(challenges.redeem(&challenge, expires)), -1003);
        assert_eq!(code(challenges.redeem(&challenge[..31], 1)), -1002);
        challenge[12] ^= 1;
        assert_eq!(code(challenges.redeem(&challenge, 1)), -1001);
    }

    #[test]
    fn used_challenges_are_forgotten_when_they_expire() {
        let challenges = Challenges::new(Duration::from_secs(1)).unwrap();
        for now in 0..100 {
            let (challenge, _) = challenges.issue(now * 1_000).unwrap();
            assert_eq!(code(challenges.redeem(&challenge, now * 1_000)), 0);
        }
        assert_eq!(challenges.used.lock().unwrap().all.len(), 1);
    }
}
