//! Every place where the program touches a file, once for each kind of work: counted, listed, failed,
//! and used as the moment of a kill.
//!
//! `sites.txt` lists the places. The section `sites` fails when the program has one that is not
//! listed, or no longer reaches a listed one: then the list changes in the same commit as the program;
//! `JIRALAKE_CAMPAIGN_WRITE=sites` writes it. Sites whose appearance depends on time, such as a
//! checkpoint, are marked with a question mark.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use rand::RngExt;

use super::Section;
use crate::base::Base;
use crate::edits;
use crate::outcome::Outcome;
use crate::trial::{Start, Trial};
use crate::verdict::{Ledger, conclude};
use crate::workload::Workload;

/// Lines of `workload operation kind`.
const LISTED: &str = include_str!("../sites.txt");

pub(crate) const SITES: Section = Section {
    name: "sites",
    attack: "every place where the program touches a file is counted, so that a new one is noticed",
    promises: &["G8"],
    size: |_| u32::try_from(Workload::ALL.len()).unwrap(),
    case: sites,
};

pub(crate) const POINTS: Section = Section {
    name: "points",
    attack: "the process is killed right before and right after each place where it touches a file: `serve`, `backfill`, `transform`, an upgrade, a publication",
    promises: &["G1", "G2", "G3", "G4", "G5", "G7", "G9"],
    size: |base| base.plan.scaled(distinct(&moments())),
    case: points,
};

pub(crate) const ERRORS: Section = Section {
    name: "errors",
    attack: "each place where the program touches a file fails once with an I/O error or for lack of space",
    promises: &["G1", "G2", "G3", "G5", "G6", "G7", "G8"],
    size: |base| base.plan.scaled(distinct(&listed())),
    case: errors,
};

/// How often `sites.txt` is recorded before it is written.
const RECORDINGS: u32 = 5;

#[derive(Debug, Clone)]
struct Listed {
    workload: Workload,
    site: String,
    is_certain: bool,
}

fn listed() -> Vec<Listed> {
    let lines = LISTED.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    lines
        .map(|line| {
            let (name, site) = line.split_once(' ').unwrap();
            let workload = Workload::ALL.into_iter().find(|it| it.name() == name);
            let (site, is_certain) = match site.strip_suffix(" ?") {
                Some(site) => (site, false),
                None => (site, true),
            };
            let workload = workload.unwrap_or_else(|| panic!("sites.txt: {name} is no workload"));
            Listed { workload, site: site.to_owned(), is_certain }
        })
        .collect()
}

/// Returns the listed sites in an order that begins with each operation on each kind of file once,
/// whatever the workload.
fn ordered(listed: Vec<Listed>) -> Vec<Listed> {
    let mut of_site: BTreeMap<String, Vec<Listed>> = BTreeMap::new();
    for one in listed {
        of_site.entry(one.site.clone()).or_default().push(one);
    }
    let rounds = of_site.values().map(Vec::len).max().unwrap_or(0);
    let pick = |round: usize| {
        let sites = of_site.values().enumerate().filter(move |(_, all)| round < all.len());
        sites.map(move |(at, all)| all[(at + round) % all.len()].clone())
    };
    (0..rounds).flat_map(pick).collect()
}

/// Returns the sites that change something: the moments around which a kill makes a difference.
fn moments() -> Vec<Listed> {
    let changes = |site: &str| {
        let operation = site.split(' ').next().unwrap();
        !["open", "read", "list", "stat"].contains(&operation)
    };
    listed().into_iter().filter(|it| changes(&it.site)).collect()
}

fn distinct(listed: &[Listed]) -> u32 {
    let sites: BTreeSet<&str> = listed.iter().map(|it| it.site.as_str()).collect();
    u32::try_from(sites.len()).unwrap().max(1)
}

/// Writes `sites.txt` from several recordings.
pub(crate) async fn rewrite(base: &Base) {
    let mut text =
        "# workload operation kind-of-file; a question mark: not in every run. Written by\n\
        # JIRALAKE_CAMPAIGN_WRITE=sites cargo test --test campaign\n"
            .to_owned();
    for workload in Workload::ALL {
        let mut seen: BTreeMap<String, u32> = BTreeMap::new();
        for recording in 0..RECORDINGS {
            let mut outcome = Outcome::default();
            for site in record(base, workload, recording, &mut outcome).await.keys() {
                *seen.entry(site.clone()).or_default() += 1;
            }
            assert_eq!(outcome.faults, [], "{}", workload.name());
        }
        for (site, times) in seen {
            let mark = if times < RECORDINGS { " ?" } else { "" };
            text += &format!("{} {site}{mark}\n", workload.name());
        }
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/campaign/sites.txt");
    crate::files::put(&path, text.as_bytes());
}

/// Returns the sites of a workload with their calls.
async fn record(
    base: &Base,
    workload: Workload,
    n: u32,
    outcome: &mut Outcome,
) -> BTreeMap<String, u32> {
    let seed = base.plan.seed_of(SITES.name, n);
    let mut trial = Trial::new(base, seed).await;
    let mut chance = edits::chance(seed);
    workload.run(&mut trial, Start::Plain, &mut chance, outcome).await;
    if let Err(text) = trial.settles().await {
        outcome.failure(format!("without any fault: {text}"));
    }
    trial.stop().await;
    trial.record.counts()
}

fn sites(base: Arc<Base>, n: u32) -> BoxFuture<'static, Outcome> {
    compare(base, n).boxed()
}

async fn compare(base: Arc<Base>, n: u32) -> Outcome {
    let workload = Workload::ALL[n as usize % Workload::ALL.len()];
    let mut outcome = Outcome::new(format!("the sites of {}", workload.name()));
    let counts = record(&base, workload, n, &mut outcome).await;
    outcome.count("sites", counts.len() as u64);
    let known = listed();
    let of_workload = || known.iter().filter(|it| it.workload == workload);
    let all: BTreeSet<&str> = of_workload().map(|it| it.site.as_str()).collect();
    let have: BTreeSet<&str> = counts.keys().map(String::as_str).collect();
    let name = workload.name();
    let file = "tests/campaign/sites.txt";
    for site in have.difference(&all) {
        outcome.failure(format!(
            "a new place of I/O: try what its failure does, then add `{name} {site}` to {file}"
        ));
    }
    for listed in of_workload().filter(|it| it.is_certain && !have.contains(it.site.as_str())) {
        outcome.failure(format!(
            "a place that is not reached any more: remove `{name} {}` from {file}",
            listed.site
        ));
    }
    outcome
}

fn points(base: Arc<Base>, n: u32) -> BoxFuture<'static, Outcome> {
    async move {
        let how = if n.is_multiple_of(2) { "kill-after" } else { "kill-before" };
        fault(base, POINTS.name, ordered(moments()), (n, how)).await
    }
    .boxed()
}

fn errors(base: Arc<Base>, n: u32) -> BoxFuture<'static, Outcome> {
    async move {
        let sites = ordered(listed());
        // Every site fails with an error of the disk first; a longer run adds other kinds of failure.
        let how = ["eio", "enospc", "eio-on", "enospc-on"][n as usize / sites.len() % 4];
        fault(base, ERRORS.name, sites, (n, how)).await
    }
    .boxed()
}

async fn fault(
    base: Arc<Base>,
    section: &str,
    sites: Vec<Listed>,
    (n, how): (u32, &str),
) -> Outcome {
    let round = n as usize / sites.len();
    let Listed { workload, site, .. } = &sites[n as usize % sites.len()];
    let seed = base.plan.seed_of(section, n);
    let mut chance = edits::chance(seed);
    // The first call is certain; later calls are other places in the code.
    let call =
        if round == 0 { 1 + chance.random_range(0..2_u32) } else { chance.random_range(1..40) };
    let fault = format!("{how} {site} {call}");
    let mut outcome = Outcome::new(format!("{}: {fault}", workload.name()));
    let mut trial = Trial::new(&base, seed).await;
    workload.run(&mut trial, Start::Fault(fault), &mut chance, &mut outcome).await;
    conclude(&mut trial, Ledger::Whole, &mut outcome).await;
    let reached = trial.record.counts().get(site).copied().unwrap_or(0) >= call;
    outcome.count("injected", u64::from(reached));
    outcome
}
