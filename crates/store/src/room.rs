//! How much memory there is to keep things in.

use std::{fs, path::Path};

/// Part of the memory that is free now, in KiB: of the machine, or of the service or container where that has less; `otherwise`
/// where it cannot be known. One part in `one_in`, at least and at most.
pub fn part_of_memory_kib(one_in: u64, (least, most): (u64, u64), otherwise: u64) -> u64 {
    part([of_the_machine(), of_the_group()].into_iter().flatten().min(), one_in, (least, most), otherwise)
}

fn part(free: Option<u64>, one_in: u64, (least, most): (u64, u64), otherwise: u64) -> u64 {
    free.map_or(otherwise, |free| (free / one_in.max(1)).max(least).min(most))
}

/// Memory that the machine has to give, in KiB (proc(5), meminfo).
fn of_the_machine() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

/// Memory that a service or a container has left, in KiB, where it is limited (cgroups(7), version 2).
fn of_the_group() -> Option<u64> {
    let text = fs::read_to_string("/proc/self/cgroup").ok()?;
    let group = text.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let of = |what: &str| -> Option<u64> {
        fs::read_to_string(Path::new("/sys/fs/cgroup").join(group).join(what)).ok()?.trim().parse().ok()
    };
    Some(of("memory.max")?.saturating_sub(of("memory.current").unwrap_or(0)) >> 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_machine_keeps_little_and_a_large_one_not_all() {
        let bounds = (256 << 10, 4 << 20);
        assert_eq!(part(None, 4, bounds, 512 << 10), 512 << 10);
        assert_eq!(part(Some(512 << 10), 4, bounds, 0), 256 << 10);
        assert_eq!(part(Some(8 << 20), 4, bounds, 0), 2 << 20);
        assert_eq!(part(Some(512 << 20), 4, bounds, 0), 4 << 20);
        assert!(!cfg!(target_os = "linux") || of_the_machine().is_some_and(|free| free > 0));
    }
}
