//! What a host takes from a virtual machine: time in which a processor had work and did not get to do it.

/// Ticks since the start of the machine, of all processors together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ticks {
    worked: u64,
    stolen: u64,
}

impl Ticks {
    /// Until now; `None` where the system does not tell (it is not Linux).
    pub fn now() -> Option<Self> {
        Self::parse(&std::fs::read_to_string("/proc/stat").ok()?)
    }

    /// From the first line of `/proc/stat`: `cpu`, then user, nice, system, idle, iowait, irq, softirq, steal.
    fn parse(stat: &str) -> Option<Self> {
        let line = stat.lines().next()?.strip_prefix("cpu ")?;
        let ticks = line.split_whitespace().map(|word| word.parse().ok());
        let ticks: Vec<u64> = ticks.collect::<Option<_>>()?;
        let [user, nice, system, _, _, irq, softirq, stolen, ..] = ticks[..] else {
            return None;
        };
        Some(Self {
            worked: user + nice + system + irq + softirq,
            stolen,
        })
    }

    /// The share that was stolen of the time in which there was work since `start`.
    pub fn stolen_since(self, start: Self) -> f64 {
        let stolen = self.stolen.saturating_sub(start.stolen) as f64;
        let worked = self.worked.saturating_sub(start.worked) as f64;
        stolen / (stolen + worked).max(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stolen_share_is_of_the_time_with_work() {
        let at = |line: &str| Ticks::parse(line).unwrap();
        let start = at("cpu  100 10 20 5000 30 1 2 7 0 0\ncpu0 1 2 3 4 5 6 7 8 0 0\n");
        let end = at("cpu  190 10 26 9000 90 2 5 32 0 0\n");
        assert_eq!(end.stolen_since(start), 0.2);
        assert_eq!(start.stolen_since(start), 0.0);
        for strange in [
            "",
            "cpu0 1 2 3 4 5 6 7 8",
            "cpu  1 2 3",
            "cpu  a b c d e f g h",
        ] {
            assert_eq!(Ticks::parse(strange), None, "{strange}");
        }
    }
}
