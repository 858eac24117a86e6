//! Sums.

/// The double of a number.
pub fn double(number: u32) -> u32 {
    number + number
}
