//! What a process has used, from `/proc`.

use std::{fs, time::Duration};

/// Processor time and resident memory of a process at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// User and system time of all its threads. The kernel's work for its sockets is in it as far as it
    /// was done on the process's behalf.
    pub cpu: Duration,
    /// Resident memory in bytes. The kernel's socket buffers are not in it.
    pub resident: u64,
}

impl Usage {
    /// The processor time used since `before`, and the memory resident now.
    pub fn since(self, before: Self) -> Self {
        Self { cpu: self.cpu.saturating_sub(before.cpu), resident: self.resident }
    }
}

/// Reads the usage of a process together with its children, those that have ended included: for a server that serves
/// each connection in a process. What they share of the memory is counted for each.
pub fn of_family(pid: u32) -> Option<Usage> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
    let own = of(pid)?;
    let mut family = Usage { cpu: own.cpu + ticks(&stat, REAPED)?, ..own };
    // A child that ends meanwhile is counted the next time, as one that has ended.
    for child in children.split_ascii_whitespace().filter_map(|pid| of(pid.parse().ok()?)) {
        family.cpu += child.cpu;
        family.resident += child.resident;
    }
    Some(family)
}

/// Reads the usage of a process; `None` where there is no `/proc` or no such process.
pub fn of(pid: u32) -> Option<Usage> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    Some(Usage { cpu: ticks(&stat, OWN)?, resident: resident(&status)? })
}

/// Where `/proc/PID/stat` has the user and system time of the process (fields 14 and 15), and of its children that have
/// ended (16 and 17), counted behind the process's name.
const OWN: usize = 11;
const REAPED: usize = 13;

/// The time in two fields. They are counted behind the last parenthesis: a process's name may hold anything.
fn ticks(stat: &str, first: usize) -> Option<Duration> {
    let mut fields = stat[stat.rfind(')')? + 1..].split_ascii_whitespace().skip(first);
    let ticks: u64 = fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?;
    Some(Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second() as f64))
}

fn resident(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_kernel_writes() {
        let stat = "77 (a) b (c) S 1 77 77 0 -1 4194560 100 0 0 0 250 150 4 3 20 0 8 0 100 1000 200";
        let per_second = rustix::param::clock_ticks_per_second() as f64;
        assert_eq!(ticks(stat, OWN), Some(Duration::from_secs_f64(400.0 / per_second)));
        assert_eq!(ticks(stat, REAPED), Some(Duration::from_secs_f64(7.0 / per_second)));
        assert_eq!(resident("Name:\tx\nVmRSS:\t    2048 kB\nThreads:\t1\n"), Some(2 << 20));
        assert_eq!(ticks("77 (cut", OWN), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_uses_memory() {
        assert!(of(std::process::id()).is_some_and(|usage| usage.resident > 1 << 20));
    }
}
