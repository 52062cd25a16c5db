//! How long the campaign is, which parts of it run, and where its chance comes from.
//!
//! | variable | meaning | default |
//! |---|---|---|
//! | `JIRALAKE_CAMPAIGN_CASES` | cases of damage; the other sections grow in proportion | 500 |
//! | `JIRALAKE_CAMPAIGN_SECTIONS` | names of sections, separated by commas, or `all` | those of the gate |
//! | `JIRALAKE_CAMPAIGN_CASE` | one case alone, `section:number` | |
//! | `JIRALAKE_CAMPAIGN_SEED` | where all chance comes from | 9 |
//! | `JIRALAKE_CAMPAIGN_LANES` | cases that run side by side | 6 |
//! | `JIRALAKE_CAMPAIGN_WAIT_S` | seconds within which the lake must equal the site | 60 |
//! | `JIRALAKE_CAMPAIGN_BINARY` | the program that is attacked | the one of this build |
//! | `JIRALAKE_CAMPAIGN_WRITE` | `1` writes `docs/guarantees.md`, `sites` writes `sites.txt` | |
//! | `JIRALAKE_CAMPAIGN_KEEP` | `1` keeps the folders of cases that failed | |

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

/// The number of damage cases in the gate.
pub(crate) const GATE_CASES: u32 = 500;

/// The sections of the gate. MUST become all of them: `docs/plan.md` says what keeps the others out.
const GATE_SECTIONS: [&str; 8] =
    ["kills", "points", "errors", "disks", "clocks", "jira", "requests", "clients"];

/// What a run writes into the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Write {
    Nothing,
    /// `docs/guarantees.md`, from the figures.
    Guarantees,
    /// `tests/campaign/sites.txt`, from recordings; no case runs.
    Sites,
}

/// The settings of one run.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) cases: u32,
    /// Chosen sections; all of them if empty.
    pub(crate) sections: BTreeSet<String>,
    /// One case alone.
    pub(crate) only: Option<(String, u32)>,
    pub(crate) seed: u64,
    pub(crate) lanes: usize,
    /// The time within which the lake MUST equal the site after an attack has ended.
    pub(crate) wait: Duration,
    pub(crate) write: Write,
    pub(crate) keep: bool,
}

impl Plan {
    /// Returns the plan that the environment describes. A value that cannot be read ends the run.
    pub(crate) fn from_environment() -> Self {
        let sections = text("SECTIONS").unwrap_or_else(|| GATE_SECTIONS.join(","));
        let sections = if sections == "all" { String::new() } else { sections };
        let only = text("CASE").map(|case| {
            let (section, number) = case.split_once(':').expect("CASE is section:number");
            (section.to_owned(), number.parse().expect("CASE is section:number"))
        });
        Self {
            cases: number("CASES", GATE_CASES),
            sections: sections.split(',').filter(|it| !it.is_empty()).map(str::to_owned).collect(),
            only,
            seed: number("SEED", 9),
            lanes: number("LANES", 6).max(1),
            wait: Duration::from_secs(number("WAIT_S", 60)),
            write: match text("WRITE").as_deref() {
                None => Write::Nothing,
                Some("1") => Write::Guarantees,
                Some("sites") => Write::Sites,
                Some(other) => panic!("JIRALAKE_CAMPAIGN_WRITE={other} is neither 1 nor sites"),
            },
            keep: text("KEEP").as_deref() == Some("1"),
        }
    }

    /// Returns a section's number of cases, given its number in the gate.
    pub(crate) fn scaled(&self, gate: u32) -> u32 {
        let scaled = u64::from(gate) * u64::from(self.cases) / u64::from(GATE_CASES);
        u32::try_from(scaled).unwrap_or(u32::MAX).max(1)
    }

    /// Returns whether a section runs.
    pub(crate) fn includes(&self, section: &str) -> bool {
        match &self.only {
            Some((only, _)) => only == section,
            None => self.sections.is_empty() || self.sections.contains(section),
        }
    }

    /// Returns the seed of one case.
    pub(crate) fn seed_of(&self, section: &str, case: u32) -> u64 {
        // FNV-1a: the same on every machine and in every version of the standard library.
        let bytes = section.bytes().chain(case.to_le_bytes()).chain(self.seed.to_le_bytes());
        bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        })
    }
}

/// Returns the program that is attacked.
pub(crate) fn binary() -> PathBuf {
    text("BINARY").unwrap_or_else(|| env!("CARGO_BIN_EXE_jiralake").to_owned()).into()
}

fn text(name: &str) -> Option<String> {
    let value = std::env::var(format!("JIRALAKE_CAMPAIGN_{name}")).ok()?;
    Some(value).filter(|value| !value.is_empty())
}

fn number<T: std::str::FromStr>(name: &str, default: T) -> T {
    let Some(text) = text(name) else { return default };
    text.parse().unwrap_or_else(|_| panic!("JIRALAKE_CAMPAIGN_{name}={text} is not a number"))
}
