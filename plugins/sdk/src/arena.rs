//! The guest's allocator: a call is short and its memory is thrown away with it, so nothing is ever given back.
//!
//! The first bytes come from memory that the instance has from its start. An allocator that grows the memory on its first
//! allocation, as the standard one does, costs the host two changes of page protection for every call.

use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::ptr;

/// What an ordinary call needs, several times over. Untouched pages cost nothing.
const FIRST_BYTES: usize = 128 << 10;
const PAGE_BYTES: usize = 64 << 10;

#[repr(C, align(16))]
struct First(UnsafeCell<[u8; FIRST_BYTES]>);

// SAFETY: a guest has one thread; the component model has no other.
unsafe impl Sync for First {}

static FIRST: First = First(UnsafeCell::new([0; FIRST_BYTES]));

/// Where the next bytes come from: addresses, `at == 0` before the first allocation.
struct Span {
    at: usize,
    end: usize,
}

/// A bump allocator. Bytes that are grown in place or given back at its end are used again; others are not.
pub struct Arena(UnsafeCell<Span>);

// SAFETY: as above.
unsafe impl Sync for Arena {}

impl Arena {
    #[must_use]
    pub const fn new() -> Self {
        Self(UnsafeCell::new(Span { at: 0, end: 0 }))
    }
}

impl Default for Arena {
    fn default() -> Self {
        Self::new()
    }
}

impl Span {
    fn take(&mut self, layout: Layout) -> *mut u8 {
        if self.at == 0 {
            self.at = FIRST.0.get() as usize;
            self.end = self.at + FIRST_BYTES;
        }
        loop {
            // Neither sum can wrap: sizes are below 2 GiB and addresses below 4 GiB, but a guest's mistake must not become a
            // pointer.
            let Some(begin) = self.at.checked_next_multiple_of(layout.align()) else { return ptr::null_mut() };
            let Some(end) = begin.checked_add(layout.size()) else { return ptr::null_mut() };
            if end <= self.end {
                self.at = end;
                return begin as *mut u8;
            }
            if !self.grow(layout.size().saturating_add(layout.align())) {
                return ptr::null_mut();
            }
        }
    }

    /// More memory from the host, in one piece with the last where they touch.
    fn grow(&mut self, bytes: usize) -> bool {
        let pages = bytes.div_ceil(PAGE_BYTES);
        let before = grow_memory(pages);
        if before == usize::MAX {
            return false;
        }
        let begin = before * PAGE_BYTES;
        if begin != self.end {
            self.at = begin;
        }
        // The address space's own end would wrap to zero; its last byte is left alone.
        self.end = begin.saturating_add(pages * PAGE_BYTES);
        true
    }
}

#[cfg(target_arch = "wasm32")]
fn grow_memory(pages: usize) -> usize {
    core::arch::wasm32::memory_grow(0, pages)
}

/// Guests are built for wasm32 alone; this lets the host's tools read the crate.
#[cfg(not(target_arch = "wasm32"))]
fn grow_memory(_pages: usize) -> usize {
    usize::MAX
}

// SAFETY: every block lies within the first bytes or within memory that the host gave, none is handed out twice (`at` only
// moves back over the block that ends there), and all are aligned as asked.
unsafe impl GlobalAlloc for Arena {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: one thread, and nothing here allocates.
        unsafe { &mut *self.0.get() }.take(layout)
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as above.
        let span = unsafe { &mut *self.0.get() };
        if block as usize + layout.size() == span.at {
            span.at = block as usize;
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as above.
        let span = unsafe { &mut *self.0.get() };
        let begin = block as usize;
        if begin + layout.size() == span.at
            && let Some(end) = begin.checked_add(size)
            && end <= span.end
        {
            span.at = end;
            return block;
        }
        let Ok(wanted) = Layout::from_size_align(size, layout.align()) else { return ptr::null_mut() };
        let moved = span.take(wanted);
        if !moved.is_null() {
            // SAFETY: both are blocks of at least that many bytes, and a new block overlaps none that is in use.
            unsafe { ptr::copy_nonoverlapping(block, moved, layout.size().min(size)) };
        }
        moved
    }
}
