//! Functions of logits: the best class, the best few classes, probabilities.

use core::slice;

/// A class and its logit.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NinClass {
    /// The number of the class, from 0.
    pub index: u32,
    /// Its logit.
    pub logit: f32,
}

/// Returns the class with the largest of `count` logits, the first one if several are equal; -1 if there is no logit.
/// Every number counts as larger than NaN.
///
/// # Safety
///
/// `logits` is NULL or points to `count` floats.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nin_argmax(logits: *const f32, count: usize) -> i32 {
    // SAFETY: the caller's promise.
    nin_core::argmax(unsafe { floats(logits, count) }).map_or(-1, |class| class as i32)
}

/// Writes the `most` classes with the largest of `count` logits to `top`, largest first, and returns their number: less
/// than `most` if there are fewer classes. Equal logits are in the order of their classes, NaN is last.
///
/// # Safety
///
/// `logits` is NULL or points to `count` floats; `top` is NULL or points to `most` elements.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nin_top_k(logits: *const f32, count: usize, top: *mut NinClass, most: usize) -> usize {
    if top.is_null() {
        return 0;
    }
    let mut found = 0;
    // SAFETY: the caller's promise.
    for (index, &logit) in unsafe { floats(logits, count) }.iter().enumerate() {
        let mut at = found;
        // SAFETY: the first `found` elements were written, and `found` is at most `most`.
        while at > 0 && unsafe { comes_before(logit, (*top.add(at - 1)).logit) } {
            at -= 1;
        }
        if at == most {
            continue;
        }
        found += usize::from(found < most);
        // SAFETY: the elements between `at` and the new `found` are moved by one place, all within `most`.
        unsafe {
            top.add(at).copy_to(top.add(at + 1), found - 1 - at);
            top.add(at).write(NinClass { index: index as u32, logit });
        }
    }
    found
}

/// Whether a logit is listed before one of a class with a smaller number.
fn comes_before(logit: f32, other: f32) -> bool {
    logit > other || (other.is_nan() && !logit.is_nan())
}

/// Turns `count` logits into probabilities, in place: to display results. Use `nin_argmax` to choose the class. The
/// error of a probability is at most 0.001.
///
/// # Safety
///
/// `logits` is NULL or points to `count` floats that the program may change; not those of a network.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nin_softmax(logits: *mut f32, count: usize) {
    if !logits.is_null() {
        // SAFETY: the caller's promise; it is not NULL.
        nin_core::softmax(unsafe { slice::from_raw_parts_mut(logits, count) });
    }
}

/// # Safety
///
/// `logits` is NULL or points to `count` floats.
unsafe fn floats<'l>(logits: *const f32, count: usize) -> &'l [f32] {
    match logits.is_null() {
        true => &[],
        // SAFETY: the caller's promise; it is not NULL.
        false => unsafe { slice::from_raw_parts(logits, count) },
    }
}
