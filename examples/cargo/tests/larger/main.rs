//! A test of several files would begin here.

#[test]
fn doubles_large_numbers() {
    assert_eq!(sums::double(1 << 30), 1 << 31);
}
