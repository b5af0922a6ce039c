//! The functions that the page calls. WebAssembly has one thread here, and the page calls one function at a time.

use core::cell::UnsafeCell;
use core::panic::PanicInfo;
use core::{ptr, slice};

use nin_core::Model;

use crate::fit::fit;
use crate::session::{Buffers, Session, Sizes};

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}

/// The state of the page.
struct Page {
    session: UnsafeCell<Option<Session<'static>>>,
    /// The end of the memory that is in use; 0 before the first use.
    end: UnsafeCell<usize>,
}

// SAFETY: there is one thread.
unsafe impl Sync for Page {}

static PAGE: Page = Page { session: UnsafeCell::new(None), end: UnsafeCell::new(0) };

unsafe extern "C" {
    /// The end of the program's own memory. The linker defines this symbol; only its address has a meaning.
    static __heap_base: u8;
}

/// Reserves `bytes` bytes of memory, aligned to 16 bytes and set to zero, and returns their address; 0 if there is no
/// more memory. The memory is never freed.
#[unsafe(no_mangle)]
pub extern "C" fn reserve(bytes: usize) -> *mut u8 {
    const PAGE_BYTES: usize = 1 << 16;
    // SAFETY: one thread, and no other reference.
    let end = unsafe { &mut *PAGE.end.get() };
    if *end == 0 {
        *end = (&raw const __heap_base).addr();
    }
    let begin = end.next_multiple_of(16);
    let Some(new) = begin.checked_add(bytes) else { return ptr::null_mut() };
    let there = core::arch::wasm32::memory_size::<0>() * PAGE_BYTES;
    let more = new.saturating_sub(there).div_ceil(PAGE_BYTES);
    if more > 0 && core::arch::wasm32::memory_grow::<0>(more) == usize::MAX {
        return ptr::null_mut();
    }
    *end = new;
    ptr::with_exposed_provenance_mut(begin)
}

/// Reserves memory for `count` values, for which zero bytes are valid.
fn slice_of<T>(count: usize) -> Option<&'static mut [T]> {
    let at = reserve(count.checked_mul(size_of::<T>())?);
    if at.is_null() {
        return None;
    }
    // SAFETY: the memory is aligned and used by nothing else, it is zero, and all bits are valid for the types used
    // here.
    Some(unsafe { slice::from_raw_parts_mut(at.cast(), count) })
}

/// Checks a model file and prepares to run it. Returns false if the file is not valid or memory is short. The file is
/// not copied.
///
/// # Safety
///
/// `file` points to `length` bytes in memory that was reserved, which do not change.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn open(file: *const u8, length: usize) -> bool {
    // SAFETY: the caller's promise.
    let Ok(model) = Model::read(unsafe { slice::from_raw_parts(file, length) }) else { return false };
    let sizes = Sizes::of(&model);
    let buffers = || {
        Some(Buffers {
            state: slice_of(sizes.state)?,
            input: slice_of(sizes.input)?,
            maps: slice_of(sizes.maps)?,
            trace: slice_of(sizes.trace)?,
            logits: slice_of(sizes.logits)?,
        })
    };
    let Some(buffers) = buffers() else { return false };
    // SAFETY: one thread, and no other reference.
    unsafe { *PAGE.session.get() = Some(Session::new(model, buffers)) };
    true
}

/// Calls a function of the session; returns `or` before [`open`].
fn with<T>(or: T, function: impl FnOnce(&mut Session<'static>) -> T) -> T {
    // SAFETY: one thread, and no function here calls another one with this.
    match unsafe { &mut *PAGE.session.get() } {
        Some(session) => function(session),
        None => or,
    }
}

/// Runs the image; with `observed`, it also records maps and trace.
#[unsafe(no_mangle)]
pub extern "C" fn run(observed: bool) -> bool {
    with(false, |session| session.run(observed))
}

/// Returns whether the model accepts the last image as one of its classes.
#[unsafe(no_mangle)]
pub extern "C" fn accepted() -> bool {
    with(false, |session| session.accepted())
}

/// Returns the address of the bytes of the image.
#[unsafe(no_mangle)]
pub extern "C" fn input() -> *mut u8 {
    with(ptr::null_mut(), |session| session.buffers().input.as_mut_ptr())
}

/// Returns the address of the outputs of all stages.
#[unsafe(no_mangle)]
pub extern "C" fn maps() -> *const f32 {
    with(ptr::null(), |session| session.buffers().maps.as_ptr())
}

/// Returns the address of the trace.
#[unsafe(no_mangle)]
pub extern "C" fn trace() -> *const u16 {
    with(ptr::null(), |session| session.buffers().trace.as_ptr())
}

/// Returns the address of the logits.
#[unsafe(no_mangle)]
pub extern "C" fn logits() -> *const f32 {
    with(ptr::null(), |session| session.buffers().logits.as_ptr())
}

/// Resizes a picture to the network's shape and writes it to the image. The picture has `rows` × `columns` pixels of
/// four bytes: R, G, B and one that is ignored. Returns whether the network reads pictures: it has one channel or
/// three.
///
/// # Safety
///
/// `picture` points to rows × columns × 4 bytes in memory that was reserved.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fit_picture(picture: *const u8, rows: usize, columns: usize) -> bool {
    // SAFETY: the caller's promise.
    let picture = unsafe { slice::from_raw_parts(picture.cast(), rows * columns) };
    with(false, |session| {
        let to = session.input_shape();
        fit(picture, (rows, columns), to, session.buffers().input)
    })
}
