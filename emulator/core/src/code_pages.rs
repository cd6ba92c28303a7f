//! The memory that the program's own code takes.

/// Releases the pages of the process's code, most of which only its start has run.
///
/// The kernel maps a page again when its code runs: from its own copy of the file, without reading a disk. Code is never written,
/// so that nothing is lost. Elsewhere than on Linux this does nothing.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "advice about mapped memory has no safe form")]
pub fn release() {
    use rustix::mm::{Advice, madvise};

    let Ok(maps) = std::fs::read_to_string("/proc/self/maps") else { return };
    for code in maps.lines().filter_map(code) {
        let start = std::ptr::with_exposed_provenance_mut(code.start);
        // SAFETY: the mapping is of a file and cannot be written, so that a page has the same content when it is read again. It still
        // exists: the program does not unload libraries.
        let _ = unsafe { madvise(start, code.len(), Advice::LinuxDontNeed) };
    }
}

/// Does nothing: the advice is Linux's.
#[cfg(not(target_os = "linux"))]
pub fn release() {}

/// The addresses of a mapping, if it has the code of a file: a line of `/proc/self/maps`, such as
/// `55d0c7a00000-55d0c8c00000 r-xp 00400000 fe:00 1049 /usr/bin/hardcap`.
///
/// Data that only the dynamic linker has written looks like constants of the file, so that only code is safe to release.
#[cfg(target_os = "linux")]
fn code(line: &str) -> Option<std::ops::Range<usize>> {
    let mut fields = line.split_ascii_whitespace();
    let (start, end) = fields.next()?.split_once('-')?;
    let permissions = fields.next()?;
    let inode = fields.nth(2)?;
    if permissions != "r-xp" || inode == "0" {
        return None;
    }
    Some(usize::from_str_radix(start, 16).ok()?..usize::from_str_radix(end, 16).ok()?)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn only_code_of_a_file_is_released() {
        let line = "55d0c7a00000-55d0c7a02000 r-xp 00400000 fe:00 1049   /usr/bin/hardcap";
        assert_eq!(code(line), Some(0x55d0_c7a0_0000..0x55d0_c7a0_2000));
        for line in [
            "55d0c7a00000-55d0c7a02000 r--p 00400000 fe:00 1049   /usr/bin/hardcap",
            "55d0c7a00000-55d0c7a02000 rw-p 00400000 fe:00 1049   /usr/bin/hardcap",
            "55d0c7a00000-55d0c7a02000 rwxp 00400000 fe:00 1049   /usr/bin/hardcap",
            "7ffd1d3f2000-7ffd1d3f4000 r-xp 00000000 00:00 0      [vdso]",
            "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0 [vsyscall]",
            "",
            "not a mapping",
        ] {
            assert_eq!(code(line), None, "{line}");
        }
    }

    #[test]
    fn code_still_runs_after_its_pages_are_released() {
        let before = code_pages();
        release();
        let after = code_pages();
        assert!(after < before, "{before} KiB of code before, {after} KiB after");
    }

    /// The resident code of files, in KiB.
    fn code_pages() -> u64 {
        let maps = std::fs::read_to_string("/proc/self/smaps").expect("the mappings");
        let (mut is_code, mut total) = (false, 0);
        for line in maps.lines() {
            if let Some(size) = line.strip_prefix("Rss:") {
                let size: u64 = size.trim().trim_end_matches(" kB").parse().expect("KiB");
                total += if is_code { size } else { 0 };
            } else if line.split_once(' ').is_some_and(|(range, _)| range.contains('-')) {
                is_code = code(line).is_some();
            }
        }
        total
    }
}
