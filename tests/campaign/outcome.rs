//! The outcome of a case: what was counted, what was lost, what failed.

use std::collections::BTreeMap;

/// Counts by name: `acknowledged`, `reads`, `kills`, `injected`, …
pub(crate) type Evidence = BTreeMap<&'static str, u64>;

/// What a case found wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// An acknowledged delivery or a visible row is lost, or a read was torn.
    Loss(String),
    /// The program did not do what it promises, and nothing was lost by it.
    Failure(String),
}

impl Fault {
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Loss(text) | Self::Failure(text) => text,
        }
    }
}

/// What came of one case.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// The attack in words.
    pub(crate) title: String,
    pub(crate) evidence: Evidence,
    pub(crate) faults: Vec<Fault>,
}

impl Outcome {
    pub(crate) fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), ..Self::default() }
    }

    pub(crate) fn count(&mut self, name: &'static str, by: u64) {
        *self.evidence.entry(name).or_default() += by;
    }

    pub(crate) fn loss(&mut self, text: impl Into<String>) {
        self.faults.push(Fault::Loss(text.into()));
    }

    pub(crate) fn failure(&mut self, text: impl Into<String>) {
        self.faults.push(Fault::Failure(text.into()));
    }
}
