//! What the targets share: snapshots to rows, and the bounds that every output is held to.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use transform::{Arena, FieldMap, RowBuilders, Rows, Site, Snapshot, StoredFile, View, Wanted};

/// The name under which every snapshot is read.
pub const FILE: &str = "SUPPORT-15186.json";

/// Bytes of output whatever the input: what an issue's rows take if nothing is in it, and what they
/// may repeat.
const FIXED: usize = 64 * 1024;

/// One column of the operator, beside the built-in mapping.
pub static MAP: LazyLock<Arc<FieldMap>> = LazyLock::new(|| {
    let columns = BTreeMap::from([("extra".to_owned(), "customfield_20000".to_owned())]);
    Arc::new(FieldMap::new(&columns, None).expect("a column with an id is known"))
});

/// Panics when an output is larger than its input allows.
pub fn assert_bounded(input: usize, output: usize, factor: usize) {
    assert!(output <= factor * input + FIXED, "{output} bytes of {input}");
}

/// The rows of a snapshot by both ways, which MUST be the same; `None` if it is none for both.
pub fn rows(bytes: &[u8]) -> Option<Rows> {
    let (wanted, arena) = (Wanted::by(&MAP), Arena::new());
    let whole = Snapshot::parse(bytes, FILE);
    let lean = View::read(bytes, FILE, &wanted, &arena);
    let (whole, lean) = match (whole, lean) {
        (Ok(whole), Ok(lean)) => (whole, lean),
        (Err(_), Err(_)) => return None,
        (whole, lean) => panic!("whole: {:?}, lean: {:?}", whole.err(), lean.err()),
    };
    let stored = StoredFile { local_path: "attachments/x".to_owned(), sha256: None };
    let files = BTreeMap::from([("501".to_owned(), stored)]);
    let mut builders = builders();
    builders.append(&whole, &files);
    let whole = builders.finish().expect("one issue fits");
    builders.append_view(&lean, &files);
    let lean = builders.finish().expect("one issue fits");
    for (table, batch) in whole.batches() {
        assert_eq!(Some(batch), lean.batch(table), "{}", table.name());
    }
    assert_eq!(whole.oddities, lean.oddities);
    Some(lean)
}

fn builders() -> RowBuilders {
    RowBuilders::new(Site { domain: "example.atlassian.net".to_owned() }, Arc::clone(&MAP))
}
