//! Which of many updates or epochs are recorded: all of the first ones, then fewer and fewer, so that
//! the record of any run is small and its beginning, where most happens, is whole. It depends on the
//! number alone, so a resumed run records the same.

/// Whether the `number`th, counted from 1, is recorded: all up to 2·`most`, then every second up to
/// 4·`most`, every fourth up to 8·`most`, …, which is `most` for each doubling.
pub(crate) fn is_recorded(number: u64, most: u64) -> bool {
    let stride = 1 << (number / most).max(1).ilog2();
    number.is_multiple_of(stride)
}

#[cfg(test)]
mod tests {
    use super::is_recorded;

    #[test]
    fn each_doubling_of_a_run_adds_as_many_records_again() {
        let recorded = |range: std::ops::Range<u64>| range.filter(|n| is_recorded(*n, 8)).count();
        assert_eq!(recorded(1..16), 15);
        for doubling in 1..20 {
            assert_eq!(recorded(8 << doubling..16 << doubling), 8, "{doubling}");
        }
        assert!(is_recorded(1, 1) && is_recorded(1 << 63, 256));
    }
}
