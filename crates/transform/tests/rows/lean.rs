//! A file that is read without what no column needs gives the rows that the whole of it gives.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::sync::Arc;

use flate2::read::GzDecoder;
use proptest::prelude::prop;
use proptest::proptest;
use serde_json::{Value, json};
use sim::generate::{Generator, Options, raw};
use transform::{
    Arena, Catalogue, FieldMap, RowBuilders, Rows, Snapshot, StoredFile, Table, View, Wanted,
};

use super::arbitrary::{anything, places};
use super::gone::gone;
use super::real::{files, fixtures, issues_of};
use super::story::ticket;
use super::{map, site};

/// A mapping whose columns also read fields of Jira itself, which are otherwise read in part.
fn wide_map() -> FieldMap {
    let listed = ["status", "components", "creator", "issuelinks", "renderedFields"];
    let listed = listed.map(|id| json!({"id": id, "name": id}));
    let columns = [
        ("severity", "status"),
        ("all_components", "components"),
        ("who", "creator"),
        ("links", "issuelinks"),
        ("triage", "customfield_4"),
    ];
    let columns = columns.map(|(column, field)| (column.to_owned(), field.to_owned()));
    FieldMap::new(&BTreeMap::from(columns), Some(&Catalogue::of(&listed))).unwrap()
}

/// The two ways from bytes to rows, side by side.
struct Ways {
    map: Arc<FieldMap>,
    whole: RowBuilders,
    lean: RowBuilders,
}

impl Ways {
    fn of(map: FieldMap) -> Self {
        let map = Arc::new(map);
        let builders = || RowBuilders::new(site(), Arc::clone(&map));
        Self { whole: builders(), lean: builders(), map }
    }

    /// Whether the bytes are a snapshot, for both or for none.
    fn take(&mut self, bytes: &[u8]) -> bool {
        let (wanted, arena, file) = (Wanted::by(&self.map), Arena::new(), "A-1.json");
        let files = BTreeMap::from([(
            "56340".to_owned(),
            StoredFile { local_path: "attachments/x".to_owned(), sha256: None },
        )]);
        let text = || String::from_utf8_lossy(bytes).into_owned();
        match (Snapshot::parse(bytes, file), View::read(bytes, file, &wanted, &arena)) {
            (Ok(whole), Ok(lean)) => {
                let all = Arena::new();
                same(&whole.view(&all), &lean, &self.map);
                assert_eq!(whole.created(), lean.created());
                assert_eq!(whole.updated(), lean.updated());
                assert_eq!(whole.synced_at(), lean.synced_at());
                assert_eq!(whole.deleted_at(), lean.deleted_at());
                self.whole.append(&whole, &files);
                self.lean.append_view(&lean, &files);
                true
            }
            (Err(whole), Err(lean)) => {
                assert_eq!(whole.to_string(), lean.to_string(), "{}", text());
                false
            }
            (whole, lean) => panic!("{:?} but {:?}: {}", whole.err(), lean.err(), text()),
        }
    }

    fn compare(&mut self) -> Rows {
        let (whole, lean) = (self.whole.finish().unwrap(), self.lean.finish().unwrap());
        for (table, batch) in whole.batches() {
            assert_eq!(Some(batch), lean.batch(table), "{}", table.name());
        }
        assert_eq!(whole.oddities, lean.oddities);
        lean
    }
}

fn same(whole: &View<'_>, lean: &View<'_>, map: &FieldMap) {
    assert_eq!((whole.id(), whole.key(), whole.month()), (lean.id(), lean.key(), lean.month()));
    assert_eq!(whole.status_id(), lean.status_id());
    assert_eq!(whole.status_category(), lean.status_category());
    assert_eq!(whole.is_complete(), lean.is_complete());
    assert_eq!(whole.has_any(map.sla_fields()), lean.has_any(map.sla_fields()));
    let text = |view: &View<'_>| view.parts().map(|parts| parts.text());
    assert_eq!(text(whole), text(lean));
    let (listed, claims) = (whole.attachments(), lean.attachments());
    assert_eq!(listed.0.map(<[_]>::len), claims.0.map(<[_]>::len));
    assert_eq!(listed.1.map(|c| c.text()), claims.1.map(|c| c.text()));
    for (one, other) in listed.0.into_iter().flatten().zip(claims.0.into_iter().flatten()) {
        for name in ["id", "filename", "size"] {
            let text = |json: &transform::Json<'_>| json.get(name).map(|json| json.text());
            assert_eq!(text(one), text(other));
        }
    }
}

fn check(json: &Value) -> Rows {
    for map in [map(None), wide_map()] {
        let mut ways = Ways::of(map);
        assert!(ways.take(&serde_json::to_vec(json).unwrap()));
        assert!(ways.take(&serde_json::to_vec_pretty(json).unwrap()));
        ways.compare();
    }
    let mut ways = Ways::of(map(None));
    ways.take(&serde_json::to_vec(json).unwrap());
    ways.compare()
}

#[test]
fn a_ticket_with_everything_and_a_tombstone() {
    let rows = check(&ticket());
    for (table, batch) in rows.batches().filter(|(table, _)| *table != Table::DeletedIssues) {
        assert!(batch.num_rows() > 0, "the ticket says nothing of {}", table.name());
    }
    assert_eq!(check(&gone()).batch(Table::DeletedIssues).unwrap().num_rows(), 1);
}

#[test]
fn generated_issues() {
    let generator = Generator::new(Options { issues: 120, seed: 11, ..Options::default() });
    let listed = Catalogue::of(&generator.fields());
    let mut ways = Ways::of(map(Some(&listed)));
    for n in 0..120 {
        let json = raw(&generator, generator.issue(n));
        assert!(ways.take(&serde_json::to_vec_pretty(&json).unwrap()));
        // Jira's own order of members is another one, and it has no members of ours.
        let mut members = json.as_object().unwrap().iter().rev().collect::<Vec<_>>();
        members.retain(|(name, _)| !name.starts_with('_'));
        let members = members.iter().map(|(name, value)| format!("\"{name}\":{value}"));
        let text = format!("{{{}}}", members.collect::<Vec<_>>().join(" ,\r\n\t"));
        assert!(ways.take(text.as_bytes()));
    }
    let rows = ways.compare();
    assert!(rows.oddities.is_empty(), "{:?}", rows.oddities);
    assert_eq!(rows.batch(Table::Issues).unwrap().num_rows(), 240);
}

#[test]
fn of_several_members_of_one_name_the_last_counts() {
    let mut ways = Ways::of(map(None));
    for text in [
        r#"{"id":"6","key":"A-1","fields":{"summary":"old"},"id":"7","fields":{"summary":"new"}}"#,
        r#"{"id":"7","key":"A-1","fields":{"customfield_9":"x","customfield_9":null,"labels":[1],"labels":[]}}"#,
        r#"{"id":"7","key":"A-1","fields":{"customfield_9":{"b":1,"a":2,"b":3}}}"#,
        r#"{"id":"7","key":"A-1","fields":{"created":"2026-01-01T00:00:00.000+0000","created":null}}"#,
        r#"{"id":"7","key":"A-1","fields":{"status":{"name":"a"},"status":"b"},"fields":null}"#,
        r#"{"id":"7","key":"A-1","\u0066ields":{"s\u0075mmary":"\ud83d\ude00\n"}}"#,
    ] {
        assert!(ways.take(text.as_bytes()), "{text}");
    }
    let rows = ways.compare();
    assert_eq!(super::column(&rows, Table::Issues, "summary")[0], "new");
    assert_eq!(
        super::column(&rows, Table::CustomFields, "value_json"),
        [json!(r#"{"a":2,"b":3}"#)]
    );
}

#[test]
fn what_is_not_json_is_unreadable_wherever_the_damage_is() {
    let mut ways = Ways::of(map(None));
    for damaged in [
        r#"{"id":"7","key":"A-1","fields":{}} x"#,
        r#"{"id":"7","key":"A-1","fields":{}}}"#,
        r#"{"id":"7","key":"A-1","fields":{}"#,
        r#"{"id":"7","key":"A-1","renderedFields":{"a":[1,2}}"#,
        r#"{"id":"7","key":"A-1","renderedFields":{"a":"\x"}}"#,
        r#"{"id":"7","key":"A-1","renderedFields":{"a":1e999}}"#,
        r#"{"id":"7","key":"A-1","renderedFields":{"a":"\ud800"}}"#,
        "{\"id\":\"7\",\"key\":\"A-1\",\"renderedFields\":\"a\nb\"}",
        "",
    ] {
        assert!(!ways.take(damaged.as_bytes()), "{damaged}");
    }
    assert!(!ways.take(b"{\"id\":\"7\",\"key\":\"A-1\",\"renderedFields\":\"\xff\"}"));
    for depth in [100, 125, 126, 127, 128, 5000] {
        let nested = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        for place in ["renderedFields", "_parts"] {
            let text = format!(r#"{{"id":"7","key":"A-1","{place}":{nested}}}"#);
            assert_eq!(ways.take(text.as_bytes()), depth <= 126, "{place} {depth}");
        }
    }
    ways.compare();
}

#[test]
fn real_issues() {
    let Some(fixtures) = fixtures() else { return };
    let mut ways = Ways::of(map(None));
    let mut taken = 0;
    for file in ["AC.jsonl.gz", "ALOY.jsonl.gz"] {
        let file = fs::File::open(fixtures.join("issues-public").join(file)).unwrap();
        for line in BufReader::new(GzDecoder::new(file)).lines() {
            taken += usize::from(ways.take(line.unwrap().as_bytes()));
        }
    }
    assert_eq!(taken, 5870);
    ways.compare();
    let mut paths = Vec::new();
    files(&fixtures.join("rest"), &mut paths);
    files(&fixtures.join("jsm"), &mut paths);
    for path in paths.iter().filter(|path| fs::read_to_string(path).is_ok()) {
        for issue in issues_of(path) {
            check(&issue);
        }
    }
}

proptest! {
    #[test]
    fn anything_in_any_place(which: usize, value in anything(), is_gone: bool) {
        let mut issue = if is_gone { gone() } else { ticket() };
        let mut all = Vec::new();
        places(&issue, "", &mut all);
        *issue.pointer_mut(&all[which % all.len()]).unwrap() = value;
        check(&issue);
    }

    #[test]
    fn damage_anywhere(at: usize, byte in prop::sample::select(&b"\"\\{}[]:,0-e. n\n\xff"[..])) {
        let mut bytes = serde_json::to_vec_pretty(&ticket()).unwrap();
        let at = at % bytes.len();
        bytes[at] = byte;
        let mut ways = Ways::of(map(None));
        ways.take(&bytes);
        ways.take(&bytes[..at]);
        ways.compare();
    }
}
