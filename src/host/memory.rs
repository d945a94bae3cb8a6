//! The agent's own footprint: one heap for all threads, and giving back what only its start needed.
//!
//! Owns: the allocator's settings and the pages of the program's own code. Must not know: when it
//! is worth it; that is the caller's.
//!
//! A start reads and checks the configuration, and that code and its working memory are not needed
//! again until a reload: at ten thousand checks more than half of the heap, and at any number a third
//! of the code that the start mapped (tests/bench/README.md).

#![expect(unsafe_code, reason = "mallopt, malloc_trim and madvise have no safe wrapper")]

use std::ops::Range;
use std::ptr::NonNull;

use nix::sys::mman::{MmapAdvise, madvise};

use super::Host;
use super::file::{Shape, read};

/// Makes all threads share one heap: to be called before the second thread is started.
///
/// The C library otherwise gives each thread a heap of its own, and a configuration that one thread
/// loads and another drops leaves its holes in both.
pub fn share_one_heap() {
    #[cfg(target_env = "gnu")]
    // SAFETY: mallopt(3) takes two numbers and has no requirement but that the parameter is known;
    // a value that it does not like is refused and changes nothing.
    let _ = unsafe { nix::libc::mallopt(nix::libc::M_ARENA_MAX, 1) };
}

/// Gives back to the machine what is free in the heap and code that may not be needed again.
pub fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: malloc_trim(3) may be called at any time from any thread; it takes the heap's lock
    // and returns pages that belong to no allocation.
    let _ = unsafe { nix::libc::malloc_trim(0) };
    if let Some(code) = own_code()
        && let Some(start) = NonNull::new(std::ptr::with_exposed_provenance_mut(code.start))
    {
        // SAFETY: the range is one mapping of this program's file that can be executed and not
        // written, so every page of it holds what the file holds and no Rust object lives there.
        // Dropping such pages loses nothing: the next access maps them from the page cache or
        // reads the file again (madvise(2), MADV_DONTNEED on a private file mapping). A running
        // program's file cannot be changed (ETXTBSY), and one that is replaced keeps its content
        // for those who run it.
        let _ = unsafe { madvise(start, code.len(), MmapAdvise::MADV_DONTNEED) };
    }
}

/// Where this program's code is mapped.
fn own_code() -> Option<Range<usize>> {
    let maps = read(&Host::live(), "proc/self/maps", Shape::UntilEnd).ok()?;
    code_around(&maps, own_code as fn() -> Option<Range<usize>> as usize)
}

/// The mapping of a file that holds `address` and can be executed but not written, in the text of
/// proc_pid_maps(5).
fn code_around(maps: &[u8], address: usize) -> Option<Range<usize>> {
    let text = std::str::from_utf8(maps).ok()?;
    text.lines().find_map(|line| {
        let mut fields = line.split_ascii_whitespace();
        let (start, end) = fields.next()?.split_once('-')?;
        let range = usize::from_str_radix(start, 16).ok()?..usize::from_str_radix(end, 16).ok()?;
        let is_code = fields.next()? == "r-xp";
        // Offset, device, inode: none is what is mapped without a file.
        let has_file = fields.nth(2)? != "0";
        (range.contains(&address) && is_code && has_file).then_some(range)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAPS: &[u8] = b"\
561296000000-561296100000 r--p 00000000 fe:00 10608706                   /usr/bin/hostwatch
561296100000-561296200000 r-xp 00100000 fe:00 10608706                   /usr/bin/hostwatch
561296200000-561296300000 r--p 00200000 fe:00 10608706                   /usr/bin/hostwatch
561296300000-561296400000 rwxp 00000000 00:00 0
561296400000-561296500000 r-xp 00000000 00:00 0                          [vdso]
";

    #[test]
    fn only_unwritable_code_of_a_file_is_found() {
        let code = 0x5612_9610_0000..0x5612_9620_0000;
        assert_eq!(code_around(MAPS, code.start), Some(code.clone()));
        assert_eq!(code_around(MAPS, code.end - 1), Some(code));
        for other in ["561296000010", "561296200010", "561296300010", "561296400010", "10"] {
            let address = usize::from_str_radix(other, 16).unwrap();
            assert_eq!(code_around(MAPS, address), None, "{other}");
        }
    }

    #[test]
    fn the_program_goes_on_and_less_of_it_is_mapped() {
        let resident = || {
            let smaps = read(&Host::live(), "proc/self/smaps", Shape::UntilEnd).unwrap();
            let text = String::from_utf8(smaps).unwrap();
            let start = format!("{:x}-", own_code().unwrap().start);
            let kib = text.split_once(&start).unwrap().1.split_once("\nRss:").unwrap().1;
            kib.split_whitespace().next().unwrap().parse::<u64>().unwrap()
        };
        let before = resident();
        give_back();
        assert!(resident() < before, "{before} KiB before");
        assert!(own_code().is_some());
    }
}
