//! What the operating system knows about a process.

/// Highest resident memory of a process so far, in megabytes.
pub fn peak_memory_mb(pid: u32) -> Option<f64> {
    status_mb(pid, "VmHWM:")
}

/// Resident memory of a process now, in megabytes.
pub fn memory_mb(pid: u32) -> Option<f64> {
    status_mb(pid, "VmRSS:")
}

/// A line of /proc/{pid}/status.
fn status_mb(pid: u32, name: &str) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with(name))?;
    let kilobytes: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes / 1024.0)
}
