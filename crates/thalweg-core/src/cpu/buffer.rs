//! Aligned buffers, and how the threads of a step share them.

use std::marker::PhantomData;
use std::ops::{Deref, DerefMut, Range};

use crate::error::Result;
use crate::kernels::Scalar;
use crate::memory;

/// Values in a line. The alignment is that of a cache line and of the widest vector.
const LINE: usize = 16;

#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line<T>([T; LINE]);

/// A zeroed buffer of numbers that begins on a cache line.
pub(super) struct Buffer<T> {
    lines: Vec<Line<T>>,
    length: usize,
}

impl<T: Scalar> Buffer<T> {
    /// # Errors
    /// If there is not enough memory.
    pub fn new(length: usize) -> Result<Self> {
        let count = length.div_ceil(LINE);
        let mut lines = memory::room(count)?;
        memory::prefer_huge_pages(&mut lines);
        lines.resize(count, Line([T::ZERO; LINE]));
        Ok(Self { lines, length })
    }

    /// A view that threads can share.
    pub fn share(&mut self) -> Shared<'_, T> {
        Shared::new(self)
    }
}

impl<T> Deref for Buffer<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        // SAFETY: a vector of lines is a run of at least `length` values without gaps.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.length) }
    }
}

impl<T> DerefMut for Buffer<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as in `deref`.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.length) }
    }
}

/// A slice of which several threads write different parts at the same time.
#[derive(Debug)]
pub(super) struct Shared<'a, T> {
    start: *mut T,
    length: usize,
    slice: PhantomData<&'a mut [T]>,
}

impl<T> Clone for Shared<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Shared<'_, T> {}
// SAFETY: all access goes through `read` and `write`, whose callers vouch that it does not collide.
unsafe impl<T: Send> Sync for Shared<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Send> Send for Shared<'_, T> {}

impl<'a, T> Shared<'a, T> {
    pub fn new(slice: &'a mut [T]) -> Self {
        Self {
            start: slice.as_mut_ptr(),
            length: slice.len(),
            slice: PhantomData,
        }
    }

    /// A view of what no thread writes as long as it is borrowed: nothing of it may be asked for by
    /// [`Shared::write`] or written through [`Shared::as_mut_ptr`].
    pub fn constant(slice: &'a [T]) -> Self {
        Self {
            start: slice.as_ptr().cast_mut(),
            length: slice.len(),
            slice: PhantomData,
        }
    }

    /// # Safety
    /// No thread writes this range until the borrow ends.
    #[inline]
    pub unsafe fn read(&self, range: Range<usize>) -> &'a [T] {
        assert!(range.start <= range.end && range.end <= self.length);
        // SAFETY: in bounds; not written, as the caller promised.
        unsafe { std::slice::from_raw_parts(self.start.add(range.start), range.len()) }
    }

    /// # Safety
    /// No other thread touches this range until the borrow ends.
    #[inline]
    pub unsafe fn write(&self, range: Range<usize>) -> &'a mut [T] {
        assert!(range.start <= range.end && range.end <= self.length);
        // SAFETY: in bounds; exclusive, as the caller promised.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(range.start), range.len()) }
    }

    /// The address of the first value, for scattered writes.
    pub fn as_mut_ptr(&self) -> *mut T {
        self.start
    }
}
