//! One run: the base is prepared, the sections run, the figures are printed.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::{FutureExt, StreamExt, stream};

use crate::base::Base;
use crate::guarantees;
use crate::outcome::{Evidence, Fault, Outcome};
use crate::plan::{Plan, Write};
use crate::sections::{self, ALL, Section};

/// The figures of one section.
#[derive(Debug, Default, Clone)]
pub(crate) struct Figures {
    pub(crate) cases: u64,
    pub(crate) losses: u64,
    pub(crate) failures: u64,
    pub(crate) evidence: Evidence,
    pub(crate) seconds: u64,
    /// The cases with a fault: number, attack, and whether something was lost.
    pub(crate) open: Vec<OpenCase>,
}

/// A case that found a fault.
#[derive(Debug, Clone)]
pub(crate) struct OpenCase {
    pub(crate) number: u32,
    pub(crate) title: String,
    pub(crate) is_loss: bool,
}

pub(crate) fn run() -> ExitCode {
    // The runner's own flags (`--list`, a filter) are answered so that tools do not stumble.
    if std::env::args().any(|argument| argument == "--list") {
        return ExitCode::SUCCESS;
    }
    let plan = Plan::from_environment();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let began = Instant::now();
    let figures = runtime.block_on(campaign(&plan));
    runtime.shutdown_background();
    let cases: u64 = figures.values().map(|it| it.cases).sum();
    let failed: u64 = figures.values().map(|it| it.losses + it.failures).sum();
    println!("{}", guarantees::table(&figures));
    if plan.write == Write::Guarantees {
        guarantees::write(&plan, &figures);
    }
    let verdict = if failed == 0 && cases > 0 { "ok" } else { "FAILED" };
    println!(
        "test result: {verdict}. {} passed; {failed} failed; 0 ignored; 0 measured; 0 filtered out; \
         finished in {:.2}s",
        cases.saturating_sub(failed),
        began.elapsed().as_secs_f64()
    );
    if verdict == "ok" { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn campaign(plan: &Plan) -> BTreeMap<&'static str, Figures> {
    let chosen: Vec<&Section> = ALL.iter().filter(|it| plan.includes(it.name)).collect();
    println!("\ncampaign: seed {}, {} cases of damage, {:?}", plan.seed, plan.cases, plan.wait);
    let base = Arc::new(Base::new(plan.clone()).await);
    let mut all = BTreeMap::new();
    if plan.write == Write::Sites {
        sections::rewrite_sites(&base).await;
        return all;
    }
    for section in chosen {
        let began = Instant::now();
        let mut figures = Figures::default();
        let numbers: Vec<u32> = match &plan.only {
            Some((_, number)) => vec![*number],
            None => (0..(section.size)(&base)).collect(),
        };
        let mut cases = stream::iter(numbers)
            .map(|number| one(section, Arc::clone(&base), number))
            .buffer_unordered(plan.lanes);
        while let Some((number, outcome)) = cases.next().await {
            tell(plan, section, number, &outcome);
            add(&mut figures, number, &outcome);
        }
        figures.seconds = began.elapsed().as_secs();
        println!(
            "{}: {} cases, {} losses, {} failures, {} s",
            section.name, figures.cases, figures.losses, figures.failures, figures.seconds
        );
        all.insert(section.name, figures);
    }
    all
}

/// Runs one case; a case that breaks off is a failure.
async fn one(section: &'static Section, base: Arc<Base>, number: u32) -> (u32, Outcome) {
    let most = base.plan.wait * 4 + Duration::from_secs(60);
    let case = tokio::spawn(AssertUnwindSafe((section.case)(base, number)).catch_unwind());
    let outcome = match tokio::time::timeout(most, case).await {
        Ok(Ok(Ok(outcome))) => outcome,
        Ok(_) => {
            let mut outcome = Outcome::new("the case broke off");
            outcome.failure("the case broke off: see the panic above");
            outcome
        }
        Err(_elapsed) => {
            let mut outcome = Outcome::new("the case took too long");
            outcome.failure(format!("the case did not end within {most:?}"));
            outcome
        }
    };
    (number, outcome)
}

/// Prints a case that failed and how to repeat it.
fn tell(plan: &Plan, section: &Section, number: u32, outcome: &Outcome) {
    for fault in &outcome.faults {
        let kind = match fault {
            Fault::Loss(_) => "LOSS",
            Fault::Failure(_) => "FAILURE",
        };
        println!("{kind} {}:{number} ({}): {}", section.name, outcome.title, fault.text());
    }
    if !outcome.faults.is_empty() {
        println!(
            "  repeat it: JIRALAKE_CAMPAIGN_SEED={} JIRALAKE_CAMPAIGN_CASE={}:{number} \
             cargo test --test campaign",
            plan.seed, section.name
        );
    } else if plan.only.is_some() {
        println!("{}:{number} ({}) passed: {:?}", section.name, outcome.title, outcome.evidence);
    }
}

/// A case counts once, as a loss before it counts as a failure.
fn add(figures: &mut Figures, number: u32, outcome: &Outcome) {
    figures.cases += 1;
    let is_loss = outcome.faults.iter().any(|fault| matches!(fault, Fault::Loss(_)));
    if !outcome.faults.is_empty() {
        figures.open.push(OpenCase { number, title: outcome.title.clone(), is_loss });
    }
    if is_loss {
        figures.losses += 1;
    } else if !outcome.faults.is_empty() {
        figures.failures += 1;
    }
    for (name, count) in &outcome.evidence {
        *figures.evidence.entry(name).or_default() += count;
    }
}
