//! How many files and sockets the process may have open.

use std::io;

/// Descriptors that stay for everything but connections: ledger, lake, Jira.
const FOR_THE_REST: usize = 512;

/// Raises the process's own limit as far as the system allows and returns it.
pub fn raise_limit() -> io::Result<usize> {
    let limit = rlimit::increase_nofile_limit(u64::MAX)?;
    Ok(usize::try_from(limit).unwrap_or(usize::MAX))
}

/// Returns how many of `wanted` connections fit beside everything else under a limit.
pub fn connections_within(limit: usize, wanted: usize) -> usize {
    let rest = FOR_THE_REST.min(limit / 2);
    wanted.min(limit.saturating_sub(rest)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_descriptors_for_the_rest() {
        for (limit, wanted, expected) in
            [(20_000, 4096, 4096), (4_096, 4_096, 3_584), (1_024, 4_096, 512), (100, 4_096, 50)]
        {
            assert_eq!(connections_within(limit, wanted), expected, "{limit}");
        }
        assert_eq!(connections_within(0, 10), 1);
    }
}
