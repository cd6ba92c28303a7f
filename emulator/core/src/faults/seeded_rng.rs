//! Seeded random numbers for faults. Pure: a number depends on the seed, the fault, the subject and the occasion, so the tenth
//! event of a function is treated alike in every run with the same seed.

use sha2::{Digest as _, Sha256};

/// The random numbers of one occasion.
#[derive(Clone, Debug)]
pub(super) struct SeededRng {
    state: Sha256,
    drawn: u64,
}

impl SeededRng {
    pub(super) fn new(seed: u64, fault: u64, subject: &str, occasion: u64) -> SeededRng {
        let mut state = Sha256::new();
        for number in [seed, fault, occasion] {
            state.update(number.to_be_bytes());
        }
        state.update(subject);
        SeededRng { state, drawn: 0 }
    }

    /// A number in the half-open range from 0 to 1.
    pub(super) fn fraction(&mut self) -> f64 {
        self.drawn += 1;
        let digest = self.state.clone().chain_update(self.drawn.to_be_bytes()).finalize();
        let number = digest.iter().take(4).fold(0, |number, byte| number << 8 | u32::from(*byte));
        f64::from(number) / (f64::from(u32::MAX) + 1.0)
    }

    /// A whole number from 0 to `most`, both included.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of `most` lies between 0 and it"
    )]
    pub(super) fn up_to(&mut self, most: u32) -> u32 {
        (self.fraction() * (f64::from(most) + 1.0)) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fractions(seed: u64, fault: u64, subject: &str) -> Vec<f64> {
        (0..1000)
            .map(|occasion| SeededRng::new(seed, fault, subject, occasion).fraction())
            .collect()
    }

    #[test]
    fn equal_inputs_give_equal_numbers_and_different_inputs_do_not() {
        let first = fractions(7, 1, "f");
        assert_eq!(first, fractions(7, 1, "f"));
        for other in [fractions(8, 1, "f"), fractions(7, 2, "f"), fractions(7, 1, "g")] {
            assert_ne!(first, other);
        }
    }

    #[test]
    fn the_share_of_small_numbers_matches_the_probability() {
        let struck = fractions(7, 1, "f").into_iter().filter(|fraction| *fraction < 0.25).count();
        assert!((200..300).contains(&struck), "{struck} of 1000");
    }

    #[test]
    fn a_whole_number_covers_its_range_with_both_ends() {
        let spans: Vec<u32> = (0..100).map(|at| SeededRng::new(1, 1, "f", at).up_to(3)).collect();
        for wanted in 0..=3 {
            assert!(spans.contains(&wanted), "{spans:?}");
        }
        assert!(spans.iter().all(|span| *span <= 3), "{spans:?}");
    }
}
