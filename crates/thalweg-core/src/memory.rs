//! Memory for large vectors: an error in place of an abort where it does not suffice, and huge
//! pages.

use crate::error::{Error, Result};

/// An empty vector with capacity for this many values.
///
/// # Errors
/// If there is not enough memory.
pub fn room<T>(length: usize) -> Result<Vec<T>> {
    let mut room = Vec::new();
    room.try_reserve_exact(length).map_err(|_| {
        let bytes = length.saturating_mul(size_of::<T>());
        let found = format!("a need for {bytes} bytes of memory at once");
        Error::invalid("network", found, "less than the machine has")
            .remedy("smaller layers, or a smaller `batch_size`")
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

/// A copy of these values.
///
/// # Errors
/// As [`room`].
pub fn copy<T: Copy>(values: &[T]) -> Result<Vec<T>> {
    collect(values.iter().copied())
}

/// Asks for huge pages (2 MiB) for a vector that has capacity and no values yet: pages touched
/// before stay as they are. A hint: where the system has no huge pages, nothing happens.
///
/// Rows are visited in random order, and with pages of 4 KiB nearly every row is a TLB miss.
pub fn prefer_huge_pages<T>(room: &mut Vec<T>) {
    #[cfg(target_os = "linux")]
    {
        /// Bytes of a huge page.
        const HUGE: usize = 2 << 20;
        let first = room.as_mut_ptr().cast::<u8>();
        let end = (first.addr() + room.capacity() * size_of::<T>()) / HUGE * HUGE;
        let start = first.addr().next_multiple_of(HUGE);
        if start < end {
            // SAFETY: the range is within the allocation of the vector, and the advice changes no value.
            unsafe {
                libc::madvise(
                    first.with_addr(start).cast(),
                    end - start,
                    libc::MADV_HUGEPAGE,
                );
            }
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = room;
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

    #[test]
    fn room_of_any_size_holds_what_is_put_into_it() {
        for count in [0, 1, 524_287, 524_288, 1_600_000] {
            let mut values: Vec<u32> = Vec::with_capacity(count);
            prefer_huge_pages(&mut values);
            values.extend(0..count as u32);
            assert!(
                values
                    .iter()
                    .enumerate()
                    .all(|(i, value)| *value == i as u32)
            );
        }
        prefer_huge_pages(&mut vec![(); 10]);
    }
}
