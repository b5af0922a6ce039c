//! The computer's available memory.

use std::fs;

/// Returns the bytes of memory that a program can still allocate, or `None` if the system does not report it. On Linux
/// this is the available memory, limited by the container's maximum; Linux kills a process that exceeds it without a
/// message.
pub fn left() -> Option<u64> {
    let available = fs::read_to_string("/proc/meminfo").ok().and_then(|text| available(&text));
    // "max" if there is no limit.
    let limit = fs::read_to_string("/sys/fs/cgroup/memory.max").ok().and_then(|text| text.trim().parse().ok());
    available.into_iter().chain(limit).min()
}

/// Returns the bytes in the line `MemAvailable: 20480000 kB` of Linux's `/proc/meminfo`; its unit is 1,024 bytes.
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
