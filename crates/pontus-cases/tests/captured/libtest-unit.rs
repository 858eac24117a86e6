//! Unit and documentation tests. Becomes `src/lib.rs` of a package for the capture.

/// Adds.
///
/// ```
/// assert_eq!(captured::add(1, 2), 3);
/// ```
///
/// ```should_panic
/// assert_eq!(captured::add(1, 2), 4);
/// ```
///
/// ```compile_fail
/// captured::add("1");
/// ```
///
/// ```no_run
/// captured::add(1, 2);
/// ```
///
/// ```ignore
/// captured::add(?)
/// ```
pub fn add(a: i32, b: i32) -> i32 {
    a + b
}

#[cfg(test)]
mod tests {
    #[test]
    fn adds() {
        assert_eq!(super::add(1, 2), 3);
    }

    mod deeper {
        #[test]
        fn adds_none() {
            eprintln!("half of it is ok");
            assert_eq!(super::super::add(0, 0), 0);
        }
    }

    #[test]
    #[should_panic(expected = "overflow")]
    fn overflows() {
        super::add(i32::MAX, std::hint::black_box(1));
    }
}
