//! The boundary: no panic crosses it, and no pointer is believed before it was looked at.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::result::countersign_result;

/// Runs the body of a function that gives a result.
pub(crate) fn checked(body: impl FnOnce() -> Result<(), countersign_result>) -> countersign_result {
    guarded(countersign_result::Panic, || body().err().unwrap_or(countersign_result::Ok))
}

/// Runs the body of a getter, which gives `otherwise` where it cannot give anything else.
pub(crate) fn guarded<T>(otherwise: T, body: impl FnOnce() -> T) -> T {
    // Unwinding past a borrowed value is safe here: what a panic may leave half done is either dropped or never used again.
    catch_unwind(AssertUnwindSafe(body)).unwrap_or(otherwise)
}

/// What a pointer of the caller points to.
///
/// # Safety
/// Unless it is NULL or misaligned, `pointer` must point to a valid `T` that is not written to while `'a` lasts.
pub(crate) unsafe fn borrow<'a, T>(pointer: *const T) -> Result<&'a T, countersign_result> {
    check(pointer)?;
    debug_assert!(!pointer.is_null() && pointer.is_aligned());
    // SAFETY: neither NULL nor misaligned; the rest is the caller's promise.
    Ok(unsafe { &*pointer })
}

/// As [`borrow`], for as many `T` in a row.
///
/// # Safety
/// As [`borrow`], for each of them.
pub(crate) unsafe fn borrow_all<'a, T>(first: *const T, count: usize) -> Result<&'a [T], countersign_result> {
    if count == 0 {
        return Ok(&[]);
    }
    check(first)?;
    if count.checked_mul(size_of::<T>()).is_none_or(|bytes| isize::try_from(bytes).is_err()) {
        return Err(countersign_result::InvalidLength);
    }
    debug_assert!(!first.is_null() && first.is_aligned());
    // SAFETY: neither NULL nor misaligned nor longer than memory can be; the rest is the caller's promise.
    Ok(unsafe { std::slice::from_raw_parts(first, count) })
}

/// What the caller gives back.
///
/// # Safety
/// Unless it is NULL or misaligned, `pointer` came from `Box::into_raw` and is given back once.
pub(crate) unsafe fn take<T>(pointer: *mut T) -> Result<Box<T>, countersign_result> {
    check(pointer.cast_const())?;
    debug_assert!(!pointer.is_null() && pointer.is_aligned());
    // SAFETY: neither NULL nor misaligned; the rest is the caller's promise.
    Ok(unsafe { Box::from_raw(pointer) })
}

/// Whether `pointer` can be one to a `T`.
pub(crate) fn check<T>(pointer: *const T) -> Result<(), countersign_result> {
    if pointer.is_null() {
        return Err(countersign_result::NullParameter);
    }
    if !pointer.is_aligned() {
        return Err(countersign_result::Misaligned);
    }
    Ok(())
}

/// Where a result goes; it was looked at before the work began, so that no work is done in vain.
pub(crate) struct Output<T>(*mut T);

impl<T> Output<T> {
    /// # Safety
    /// Unless it is NULL or misaligned, `pointer` must point to memory for a `T` until [`write`](Self::write).
    pub(crate) unsafe fn at(pointer: *mut T) -> Result<Self, countersign_result> {
        check(pointer.cast_const())?;
        Ok(Self(pointer))
    }

    /// Writes as many as there are, one behind the other; the caller of [`at`](Self::at) promised the memory for all.
    pub(crate) fn write_all(self, values: impl Iterator<Item = T>) {
        for (place, value) in values.enumerate() {
            debug_assert!(!self.0.is_null() && self.0.is_aligned());
            // SAFETY: checked in `at`; the memory is there for each of them.
            unsafe { self.0.add(place).write(value) };
        }
    }

    pub(crate) fn write(self, value: T) {
        debug_assert!(!self.0.is_null() && self.0.is_aligned());
        // SAFETY: checked in `at`, whose caller promised the memory.
        unsafe { self.0.write(value) };
    }
}

/// The first member of each structure that may grow: it distinguishes callers of another version.
pub(crate) fn check_size<T>(size: usize) -> Result<(), countersign_result> {
    if size == size_of::<T>() { Ok(()) } else { Err(countersign_result::WrongSize) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_a_result() {
        std::panic::set_hook(Box::new(|_| {}));
        assert_eq!(checked(|| std::panic::panic_any("never seen by C")), countersign_result::Panic);
        assert_eq!(guarded(7, || std::panic::panic_any("nor this")), 7);
        let _default_again = std::panic::take_hook();
        assert_eq!(checked(|| Ok(())), countersign_result::Ok);
    }

    #[test]
    fn what_cannot_be_a_pointer_is_refused() {
        let words = [1u64, 2];
        let off = words.as_ptr().cast::<u8>().wrapping_add(1).cast::<u64>();
        // SAFETY: NULL, misaligned and overlong ones are never read.
        unsafe {
            assert_eq!(borrow::<u64>(std::ptr::null()), Err(countersign_result::NullParameter));
            assert_eq!(borrow(off), Err(countersign_result::Misaligned));
            assert_eq!(borrow_all(words.as_ptr(), usize::MAX), Err(countersign_result::InvalidLength));
            assert_eq!(borrow_all::<u64>(std::ptr::null(), 1), Err(countersign_result::NullParameter));
            assert_eq!(borrow_all::<u64>(std::ptr::null(), 0), Ok(&[][..]));
            assert_eq!(borrow_all(words.as_ptr(), 2), Ok(&words[..]));
            assert!(Output::at(off.cast_mut()).is_err());
        }
    }
}
