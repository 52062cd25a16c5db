use super::*;

fn file(table: &str, month: &str, part: i64, path: &str) -> CatalogFile {
    CatalogFile {
        table: table.into(),
        month: month.parse().unwrap(),
        part,
        path: path.into(),
        rows: 3,
        bytes: 10,
        sha256: "00ff".into(),
        commit: CommitId::new(1),
    }
}

fn place(table: &str, month: &str) -> (String, Month) {
    (table.into(), month.parse().unwrap())
}

fn paths(files: &[CatalogFile]) -> Vec<&str> {
    files.iter().map(|file| file.path.as_str()).collect()
}

fn prepared(new: &[CatalogFile], kept: &[CatalogFile], emptied: &[&str]) -> Prepared {
    let table = Table::ALL.iter().copied().find(|table| table.name() == "comments").unwrap();
    let emptied = emptied.iter().map(|month| (table, month.parse().unwrap())).collect();
    Prepared { files: new.to_vec(), kept: kept.to_vec(), emptied, ..Prepared::default() }
}

#[test]
fn totals_are_sums_over_all_files() {
    let large = CatalogFile { rows: 40, bytes: 500, ..file("issues", "2026-02", 1, "b") };
    assert_eq!(totals(&[file("issues", "2026-02", 0, "a"), large]), (2, 43, 510));
    assert_eq!(totals(&[]), (0, 0, 0));
}

#[test]
fn new_files_replace_the_old_ones_of_their_places_and_kept_ones_stay() {
    let new = file("issues", "2026-02", 0, "new-0");
    let kept = file("issues", "2026-02", 1, "old-1");
    let old = [
        file("issues", "2026-02", 0, "old-0"),
        kept.clone(),
        file("issues", "2026-02", 2, "old-2"),
        file("issues", "2026-01", 0, "another-month"),
        file("worklogs", "2026-02", 0, "another-table"),
    ];
    let turn = Turn::of(&prepared(&[new], &[kept], &[]), &old);
    assert_eq!(turn.places, [place("issues", "2026-02")].into());
    assert_eq!(paths(&turn.files), ["new-0", "old-1"]);
    assert_eq!(paths(&turn.replaced), ["old-0", "old-2"]);
    assert_eq!(paths(&turn.vanished), ["old-2"], "the first part's name is taken by the new file");
}

#[test]
fn a_month_that_was_emptied_loses_its_files_and_their_names() {
    let old = [
        file("comments", "2026-02", 0, "old-0"),
        file("comments", "2026-02", 1, "old-1"),
        file("comments", "2026-03", 0, "another-month"),
    ];
    let turn = Turn::of(&prepared(&[], &[], &["2026-02"]), &old);
    assert_eq!(turn.places, [place("comments", "2026-02")].into());
    assert_eq!(paths(&turn.files), [""; 0]);
    assert_eq!(paths(&turn.replaced), ["old-0", "old-1"]);
    assert_eq!(paths(&turn.vanished), ["old-0", "old-1"]);
}

#[test]
fn a_name_is_of_its_table_and_month_alone() {
    let old = [file("issues", "2026-01", 0, "january"), file("comments", "2026-02", 0, "comments")];
    let new = [file("issues", "2026-02", 0, "february")];
    let turn = Turn::of(&prepared(&new, &[], &["2026-02"]), &old);
    assert_eq!(turn.places, [place("comments", "2026-02"), place("issues", "2026-02")].into());
    assert_eq!(paths(&turn.replaced), ["comments"]);
    assert_eq!(paths(&turn.vanished), ["comments"]);
}

#[test]
fn what_a_repair_prepared_is_added_to_the_rest() {
    let effort =
        |encoded, encoded_bytes, copied_bytes| Effort { encoded, encoded_bytes, copied_bytes };
    let (february, march) = ("2026-02".parse::<Month>().unwrap(), "2026-03".parse().unwrap());
    let mut rest = Prepared {
        remade: [february.clone()].into(),
        effort: effort(1, 10, 100),
        ..prepared(&[file("issues", "2026-02", 0, "a")], &[], &["2026-01"])
    };
    let repaired = Prepared {
        remade: [Month::clone(&march)].into(),
        effort: effort(2, 20, 200),
        ..prepared(
            &[file("issues", "2026-03", 0, "b")],
            &[file("issues", "2026-03", 1, "c")],
            &["2026-03"],
        )
    };
    rest.extend(repaired);
    assert_eq!((paths(&rest.files), paths(&rest.kept)), (vec!["a", "b"], vec!["c"]));
    let emptied: Vec<String> = rest.emptied.iter().map(|(_, month)| month.to_string()).collect();
    assert_eq!(emptied, ["2026-01", "2026-03"]);
    assert_eq!(rest.remade, [february, march].into());
    let Effort { encoded, encoded_bytes, copied_bytes } = rest.effort;
    assert_eq!((encoded, encoded_bytes, copied_bytes), (3, 30, 300));
}
