//! `docs/guarantees.md`, made from the figures of a run and from nothing else.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use crate::plan::Plan;
use crate::run::Figures;
use crate::sections::{ALL, Section};

/// The promises, as `design.md` numbers them.
const PROMISES: [(&str, &str); 11] = [
    (
        "G1",
        "A 2xx to Jira means that the delivery is durable: it was committed with fsync before the answer.",
    ),
    (
        "G2",
        "No acknowledged delivery disappears: each one is applied, superseded or parked with a reason.",
    ),
    (
        "G3",
        "Once activity stops, the lake equals what Jira reports, for every issue that the account can see.",
    ),
    ("G4", "The same hints, in any order and any number of times, produce the same lake."),
    ("G5", "A reader never sees a torn file."),
    (
        "G6",
        "Unreadable is never treated as empty, an error is never a value, absent is never empty.",
    ),
    ("G7", "Rows leave a table only through a confirmed delete, move or edit."),
    (
        "G8",
        "After an I/O error jiralake acknowledges nothing more; on a full disk it answers 503 and recovers by itself; it never answers its own failures with 4xx.",
    ),
    ("G9", "jiralake finds and repairs a gap in delivery without a person."),
    (
        "G10",
        "Unsigned and wrongly signed bodies are never processed. Secrets never appear in logs or output.",
    ),
    ("G11", "No read path can write or read outside the lake."),
];

/// Returns the figures by section, as a table.
pub(crate) fn table(figures: &BTreeMap<&'static str, Figures>) -> String {
    let mut text =
        "| section | cases | losses | failures | counted |\n|---|---|---|---|---|\n".to_owned();
    for section in ALL {
        let Some(it) = figures.get(section.name) else { continue };
        let (cases, losses, failures) = (it.cases, it.losses, it.failures);
        writeln!(text, "| {} | {cases} | {losses} | {failures} | {} |", section.name, counted(it))
            .unwrap();
    }
    text
}

fn counted(figures: &Figures) -> String {
    let counts = figures.evidence.iter().filter(|(_, count)| **count > 0);
    counts.map(|(name, count)| format!("{count} {name}")).collect::<Vec<_>>().join(", ")
}

/// Writes the page.
pub(crate) fn write(plan: &Plan, figures: &BTreeMap<&'static str, Figures>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/guarantees.md");
    crate::files::put(&path, page(plan, figures).as_bytes());
    println!("written: docs/guarantees.md");
}

fn page(plan: &Plan, figures: &BTreeMap<&'static str, Figures>) -> String {
    let mut text = head(plan, figures);
    for (name, promise) in PROMISES {
        let sections: Vec<&Section> = ALL
            .iter()
            .filter(|it| it.promises.contains(&name) && figures.contains_key(it.name))
            .collect();
        writeln!(text, "### {name}\n\n{promise}\n").unwrap();
        writeln!(text, "| how it was attacked | cases | losses | failures |\n|---|---|---|---|")
            .unwrap();
        for section in sections {
            let it = &figures[section.name];
            let (cases, losses, failures) = (it.cases, it.losses, it.failures);
            writeln!(text, "| {} | {cases} | {losses} | {failures} |", section.attack).unwrap();
        }
        text.push('\n');
    }
    text += "## By section\n\n";
    text += &table(figures);
    text += &open_cases(figures);
    text
}

/// Returns the cases that failed: a page without them would promise more than was measured.
fn open_cases(figures: &BTreeMap<&'static str, Figures>) -> String {
    let mut text = String::new();
    for section in ALL {
        let mut open = figures.get(section.name).map(|it| it.open.clone()).unwrap_or_default();
        open.sort_by_key(|case| case.number);
        for case in open {
            let kind = if case.is_loss { "loss" } else { "failure" };
            let (number, title) = (case.number, case.title);
            writeln!(text, "- `{}:{number}` {kind}: {title}", section.name).unwrap();
        }
    }
    if text.is_empty() { text } else { format!("\n## Cases that failed\n\n{text}") }
}

fn head(plan: &Plan, figures: &BTreeMap<&'static str, Figures>) -> String {
    let sum = |count: fn(&Figures) -> u64| figures.values().map(count).sum::<u64>();
    let (cases, losses, failures) =
        (sum(|it| it.cases), sum(|it| it.losses), sum(|it| it.failures));
    let counted =
        |name: &str| -> u64 { figures.values().filter_map(|it| it.evidence.get(name)).sum() };
    let (acknowledged, reads, kills) =
        (counted("acknowledged"), counted("reads"), counted("kills"));
    let (injected, seed, size, wait) =
        (counted("injected"), plan.seed, plan.cases, plan.wait.as_secs());
    #[expect(clippy::disallowed_methods, reason = "the page says when the figures were measured")]
    let date = chrono::Utc::now().format("%Y-%m-%d");
    format!(
        "# Guarantees\n\n\
         Each promise of jiralake, how it is attacked, how often, and with what result. A program makes \
         this page from its own figures; nobody writes it by hand.\n\n\
         Measured on {date}: **{cases} cases, {losses} losses, {failures} failures** with seed {seed}; \
         {acknowledged} acknowledged deliveries were looked for, {reads} files were read by a reader \
         beside the program, {kills} processes were killed and {injected} I/O errors injected.\n\n\
         - A *case* is one attack on the real binary, on a copy of a prepared data folder, with a \
         simulated Jira that keeps sending edits.\n\
         - A *loss* is an acknowledged delivery that is neither in the ledger nor reported as lost, a row \
         that disappears although its issue exists, a torn read, or a forged request that is accepted.\n\
         - A *failure* is anything else that the promises exclude: above all a lake that does not equal \
         Jira within {wait} s after the attack, without a person. A process that ends by itself is \
         started again, as a service manager would.\n\n\
         ## Repeat it\n\n\
         ```sh\n\
         cargo test --test campaign                                          # the size of the gate\n\
         JIRALAKE_CAMPAIGN_CASES={size} JIRALAKE_CAMPAIGN_SEED={seed} \\\n\
         JIRALAKE_CAMPAIGN_WRITE=1 cargo test --test campaign                # this page\n\
         JIRALAKE_CAMPAIGN_CASES=50000 cargo test --test campaign            # hours\n\
         ```\n\n\
         A case that fails prints how to repeat it alone. It needs a C compiler: I/O errors, full disks \
         and wrong clocks come from a small library that is loaded into the process. The settings are \
         described in `tests/campaign/plan.rs`.\n\n\
         ## The promises\n\n"
    )
}
