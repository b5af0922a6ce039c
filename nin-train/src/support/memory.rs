//! How much memory this computer has left.

use std::fs;

/// Returns bytes that a program can still take, where the system says so: on Linux what it counts as available, and no
/// more than a container may have. A process that goes beyond is killed there, without a word.
pub fn left() -> Option<u64> {
    let available = fs::read_to_string("/proc/meminfo").ok().and_then(|text| available(&text));
    // "max" if there is no limit.
    let limit = fs::read_to_string("/sys/fs/cgroup/memory.max").ok().and_then(|text| text.trim().parse().ok());
    available.into_iter().chain(limit).min()
}

/// Of the lines of Linux's `/proc/meminfo`: `MemAvailable:   20480000 kB`, in units of 1,024 bytes.
fn available(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_line_is_found_among_others() {
        let text = "MemTotal:       24630252 kB\nMemFree:          513000 kB\nMemAvailable:   20480000 kB\n";
        assert_eq!(super::available(text), Some(20_480_000 * 1024));
        assert_eq!(super::available("MemTotal: 1 kB\nMemAvailable: many\n"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn linux_says_something() {
        assert!(super::left().is_some_and(|bytes| bytes > 1 << 20));
    }
}
