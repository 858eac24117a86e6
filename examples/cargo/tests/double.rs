//! What doubling does.

#[test]
fn doubles() {
    assert_eq!(sums::double(2), 4);
}

#[test]
#[ignore = "takes for ever"]
fn all_numbers() {}
