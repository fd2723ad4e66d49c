//! When to dial again.

use std::time::Duration;

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(600);
const LONGEST_RESERVED: Duration = Duration::from_secs(15);

/// Pause after `fails` failures in a row: 1 s doubled each time, at most 10 min (15 s for reserved nodes), ± 20 %.
/// `noise` is any number; it decides where within the 40 % the pause lies.
pub(crate) fn pause(fails: u32, reserved: bool, noise: u32) -> Duration {
    let longest = if reserved { LONGEST_RESERVED } else { LONGEST };
    let doubled = FIRST.saturating_mul(2_u32.saturating_pow(fails.saturating_sub(1).min(16)));
    jitter(doubled.min(longest), noise)
}

/// `base` ± 20 %.
pub(crate) fn jitter(base: Duration, noise: u32) -> Duration {
    base.saturating_mul(800_u32.saturating_add(noise % 401)) / 1000
}

/// Numbers without meaning, for spreading things in time.
#[derive(Debug)]
pub(crate) struct Noise(u64);

impl Noise {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    pub(crate) fn next(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let [_, _, _, _, a, b, c, d] = self.0.to_be_bytes();
        u32::from_be_bytes([a, b, c, d])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_cap_within_a_fifth() {
        for (fails, reserved, seconds) in [
            (0, false, 1.0),
            (1, false, 1.0),
            (2, false, 2.0),
            (5, false, 16.0),
            (30, false, 600.0),
            (u32::MAX, false, 600.0),
            (5, true, 15.0),
            (u32::MAX, true, 15.0),
        ] {
            for noise in [0, 200, 400, 401, u32::MAX] {
                let got = pause(fails, reserved, noise).as_secs_f64();
                assert!(
                    (seconds * 0.8..=seconds * 1.2).contains(&got),
                    "{fails} {reserved} {noise}: {got}"
                );
            }
        }
    }

    #[test]
    fn noise_differs_from_call_to_call() {
        let mut noise = Noise::new(7);
        assert_ne!(noise.next(), noise.next());
    }
}
