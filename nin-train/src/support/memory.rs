//! The computer's available memory.

use std::fs;

/// Returns the bytes that are left if they are fewer than `needed`, `None` if there is enough memory. Nothing stays
/// allocated.
pub fn shortage(needed: u64) -> Option<u64> {
    let short = left().filter(|&left| left < needed);
    short.or_else(|| (!is_reservable(needed)).then(|| reservable(needed)))
}

/// Returns whether the system would allocate this number of bytes in one piece.
fn is_reservable(bytes: u64) -> bool {
    usize::try_from(bytes).is_ok_and(|bytes| Vec::<u8>::new().try_reserve_exact(bytes).is_ok())
}

/// Returns the bytes that the system would allocate if `refused` is too much: at least half of the largest possible
/// allocation.
fn reservable(refused: u64) -> u64 {
    std::iter::successors(Some(refused / 2), |bytes| Some(bytes / 2)).find(|&bytes| is_reservable(bytes)).unwrap_or(0)
}

/// Returns the bytes of memory that a program can still allocate, or `None` if the system does not report it. On Linux
/// this is the available memory, limited by the maximum of the container and of the process; Linux kills a process that
/// exceeds the container's without a message.
fn left() -> Option<u64> {
    let available = fs::read_to_string("/proc/meminfo").ok().and_then(|text| available(&text));
    // "max" if there is no limit.
    let limit = fs::read_to_string("/sys/fs/cgroup/memory.max").ok().and_then(|text| text.trim().parse().ok());
    let limits = fs::read_to_string("/proc/self/limits").ok();
    let status = fs::read_to_string("/proc/self/status").ok();
    let own = limits.zip(status).and_then(|(limits, status)| address_space(&limits, &status));
    available.into_iter().chain(limit).chain(own).min()
}

/// What is left of the address space that `ulimit -v` allows, by Linux's `/proc/self/limits` and `/proc/self/status`.
fn address_space(limits: &str, status: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max address space"))?;
    // "unlimited" is no number.
    let limit: u64 = line.split_whitespace().next()?.parse().ok()?;
    let taken = status.lines().find_map(|line| line.strip_prefix("VmSize:"))?;
    let taken: u64 = taken.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(limit.saturating_sub(taken.checked_mul(1024)?))
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

    #[test]
    fn a_limited_address_space_counts() {
        let status = "VmPeak:\t  3000 kB\nVmSize:\t  2000 kB\n";
        let limits = |soft: &str| format!("Max cpu time  1\nMax address space         {soft}   unlimited   bytes\n");
        assert_eq!(super::address_space(&limits("4096000"), status), Some(4_096_000 - 2_048_000));
        assert_eq!(super::address_space(&limits("1000"), status), Some(0));
        assert_eq!(super::address_space(&limits("unlimited"), status), None);
    }

    #[test]
    fn there_is_some_memory_but_not_all_that_can_be_numbered() {
        assert_eq!(super::shortage(1 << 20), None);
        let left = super::shortage(u64::MAX).unwrap();
        assert!(left > 1 << 20, "{left}");
        assert_eq!(super::shortage(left / 4), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn linux_says_something() {
        assert!(super::left().is_some_and(|bytes| bytes > 1 << 20));
    }
}
