//! pure: the systemd unit that `tickler service print` writes, the same file as in `examples/systemd/`.

/// The unit's text.
pub const UNIT: &str = include_str!("../../examples/systemd/tickler.service");

/// Where a packaged program is installed; the unit is written for it.
const PACKAGED: &str = "/usr/bin/tickler";

/// The unit for a program at `program` (absolute).
#[must_use]
pub fn unit(program: &std::path::Path) -> String {
    UNIT.replace(PACKAGED, &program.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unit_starts_and_reloads_the_program_that_prints_it() {
        let unit = unit(std::path::Path::new("/opt/tickler/bin/tickler"));
        assert!(unit.contains("\nExecStart=/opt/tickler/bin/tickler run\n"), "{unit}");
        assert!(unit.contains("\nExecReload=/opt/tickler/bin/tickler reload\n"), "{unit}");
    }

    #[test]
    fn the_unit_says_what_the_service_relies_on() {
        for line in [
            "Type=notify",
            "WatchdogSec=60s",
            "Restart=on-failure",
            "RestartPreventExitStatus=78",
            "LimitCORE=0",
            "Environment=MALLOC_ARENA_MAX=2",
            "StateDirectory=tickler",
            "StateDirectoryMode=0700",
            "ProtectHome=yes",
            "PrivateTmp=yes",
            "Environment=TICKLER_SCHEDULES=/etc/tickler/schedules",
            "Environment=TICKLER_LEDGER=/var/lib/tickler/tickler.db",
            "Environment=TICKLER_SOCKET=/run/tickler/tickler.sock",
        ] {
            assert!(UNIT.lines().any(|have| have == line), "{line}");
        }
        assert!(
            !UNIT.lines().any(|have| have.starts_with("PrivateUsers=")),
            "callers of the socket would lose their names"
        );
    }
}
