//! Large vectors, where memory may not be enough: an error in place of an abort.

use crate::error::{Error, Result};

/// An empty vector with room for so many values.
///
/// # Errors
/// If there is not enough memory.
pub fn room<T>(length: usize) -> Result<Vec<T>> {
    let mut room = Vec::new();
    room.try_reserve_exact(length).map_err(|_| {
        let bytes = length.saturating_mul(size_of::<T>());
        let found = format!("a need for {bytes} bytes of memory at once");
        Error::invalid("network", found, "less than the machine has")
            .remedy("smaller layers or a smaller batch size")
    })?;
    Ok(room)
}

/// The values of an iterator that knows how many they are.
///
/// # Errors
/// As [`room`].
pub fn collect<T>(values: impl ExactSizeIterator<Item = T>) -> Result<Vec<T>> {
    let mut all = room(values.len())?;
    all.extend(values);
    Ok(all)
}

/// A copy of so many values.
///
/// # Errors
/// As [`room`].
pub fn copy<T: Copy>(values: &[T]) -> Result<Vec<T>> {
    collect(values.iter().copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_memory_holds_is_an_error() {
        let error = room::<f64>(1 << 50).unwrap_err().to_string();
        assert!(
            error.contains("a need for 9007199254740992 bytes of memory at once"),
            "{error}"
        );
        assert!(room::<f64>(usize::MAX).is_err());
        assert_eq!(collect([1, 2].iter()).unwrap(), [&1, &2]);
    }
}
