//! What the allocator does with memory that is given back.

/// Rollups take and give back vectors of megabytes. Such pieces go back to the system at once, from the first to the last: glibc raises the size
/// it does so from with every piece that it got back, and keeps hundreds of megabytes in its heaps in the end.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "the standard library has no word for it")]
pub fn large_pieces_return() {
    // SAFETY: sets a number of the allocator's, before there is another thread
    let _ = unsafe { libc::mallopt(libc::M_MMAP_THRESHOLD, 128 * 1024) };
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn large_pieces_return() {}
