//! The sums under the benchmark.

use std::time::Duration;

use pontus_tests::{Goal, Spread};

#[test]
fn a_percentile_is_one_of_those_that_were_measured() {
    let hundred = Spread::of((1..=100).rev().map(f64::from));
    for (percent, value) in [(0.0, 1.0), (1.0, 1.0), (50.0, 50.0), (99.0, 99.0), (99.1, 100.0)] {
        assert_eq!(hundred.percentile(percent), value, "of {percent}");
    }
    let three = Spread::of_times([3, 1, 2].map(Duration::from_millis));
    assert_eq!((three.median(), three.percentile(99.0), three.max()), (2.0, 3.0, 3.0));
    assert_eq!(Spread::of([7.0]).median(), 7.0);
}

#[test]
fn a_goal_is_a_multiple_of_the_limit() {
    assert!(Goal::Under(1.5).is_met(149.0, 100.0) && !Goal::Under(1.5).is_met(150.0, 100.0));
    assert!(Goal::AtLeast(3.0).is_met(300.0, 100.0) && !Goal::AtLeast(3.0).is_met(299.0, 100.0));
    assert!(Goal::Shown.is_met(f64::MAX, 0.0));
}
