//! `docs/tables.md` says what the code says: it is made from the columns' own descriptions.

#[cfg(test)]
mod page {
    use std::collections::BTreeMap;
    use std::fmt::Write;

    use arrow::datatypes::DataType;
    use transform::{ColumnInfo, Dimension, FieldMap, Table};

    const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/tables.md");

    const INTRO: &str = "# Tables and columns

One Parquet file per table and month. The month is the UTC month of the issue's creation, for every table; issues without
a readable `created` are in `unknown`. A month of more issues than a file holds (4,096) has further files: `2026-02.parquet`,
`2026-02.1.parquet`, … (hive: `data.parquet`, `data.1.parquet`, …), each issue in one of them. Columns keep their order and types; new ones come at the end. Every column may be NULL
unless marked `!`. Timestamps are UTC with microseconds. Columns whose text is JSON hold valid JSON. A value of an unexpected
type costs its own column and nothing else.

The size of an issue bounds the size of its rows. A readable text quotes lists inside of a list once; lists nested deeper are JSON.
Texts that several rows repeat (a change's author, a comment's id, a metric's name) take up to 8 MiB for each issue and table; beyond
that they are in the first of these rows, and NULL in the others.

Beside the tables lies `views.sql`, which defines `jira_issues`, `jira_comments`, … for DuckDB with a comment on every column:
`duckdb -init views.sql`. After copying the folder: `SET VARIABLE jiralake_dir = '/where/it/is'` first.

This page is made from the code; `JIRALAKE_WRITE_DOCS=1 cargo test -p transform --test docs` writes it anew.
";

    const DIMENSIONS: &str = "
# Dimensions

What issues refer to: one Parquet file each, `projects.parquet`, `users.parquet`, … beside the folders of the tables (in either
layout), replaced whole. Each id has one row. `views.sql` has `jira_projects`, `jira_users`, … for them.
";

    fn page() -> String {
        let fields = FieldMap::new(&BTreeMap::new(), None).expect("the defaults fit");
        let mut page = INTRO.to_owned();
        for table in Table::ALL {
            section(&mut page, (table.name(), table.description()), &table.columns(&fields));
        }
        page += DIMENSIONS;
        for dimension in Dimension::ALL {
            let about = (dimension.name(), dimension.description());
            section(&mut page, about, &dimension.columns());
        }
        page
    }

    fn section(page: &mut String, (name, about): (&str, &str), columns: &[ColumnInfo]) {
        write!(page, "\n## {name}\n\n{about}\n\n").unwrap();
        *page += "| # | column | type | what it is |\n|---|---|---|---|\n";
        for (n, column) in columns.iter().enumerate() {
            let kind = match column.data_type {
                DataType::Utf8 => "text",
                DataType::Int64 => "integer",
                DataType::Boolean => "boolean",
                DataType::Float64 => "number",
                _ => "timestamp",
            };
            let mark = if column.nullable { "" } else { "!" };
            let what = column.description.replace('|', "\\|");
            writeln!(page, "| {} | {} | {kind}{mark} | {what} |", n + 1, column.name).unwrap();
        }
    }

    #[test]
    fn the_page_about_the_tables_is_what_the_code_says() {
        let page = page();
        if std::env::var_os("JIRALAKE_WRITE_DOCS").is_some() {
            #[expect(
                clippy::disallowed_methods,
                reason = "a page of documentation, made anew at will"
            )]
            std::fs::write(PAGE, &page).unwrap();
        }
        let written = std::fs::read_to_string(PAGE).expect("docs/tables.md is there");
        assert!(written == page, "docs/tables.md is old: run with JIRALAKE_WRITE_DOCS=1");
    }
}
