//! `views.sql`: one DuckDB view per table and dimension, with the columns of the contract, comments on each and
//! paths that work from anywhere.
//!
//! A view reads every file of its table by name (`union_by_name`), so that months written before
//! a column existed have it as NULL; a table without files is an empty view with the right types.

use std::path::Path;

use arrow::datatypes::{DataType, Field, Schema};
use transform::{Dimension, FieldMap, Table};

use crate::durable;
use crate::error::{Error, disk};
use crate::layout::Visible;
use crate::verify::regular;

/// The file beside the tables.
pub const VIEWS_FILE: &str = "views.sql";

/// Brings `views.sql` up to date; writes only when something changed.
pub(crate) fn refresh(visible: &Visible, fields: &FieldMap) -> Result<(), Error> {
    let mut sql = HEAD.to_owned();
    for table in Table::ALL.iter().copied() {
        let months = visible.months(table).map_err(disk("list", &visible.folder))?;
        let source = if months.is_empty() { None } else { Some(visible.pattern(table)) };
        let files = source.map(|glob| from_files(&visible.folder, &glob));
        view(&mut sql, (table.name(), table.description()), &table.schema(fields), files);
    }
    for dimension in Dimension::ALL.iter().copied() {
        let (name, about) = (dimension.name(), dimension.description());
        let is_there = visible.dimension(dimension).is_file();
        let files = is_there.then(|| from_files(&visible.folder, &format!("/{name}.parquet")));
        view(&mut sql, (name, about), &dimension.schema(), files);
    }
    let path = visible.folder.join(VIEWS_FILE);
    // Opened as a file only: reading from a FIFO would never end.
    let present = durable::open_regular(&path).and_then(std::io::read_to_string);
    match present {
        Ok(present) if present == sql => Ok(()),
        // Whatever stands there, or nothing: it is made anew.
        Ok(_) | Err(_) => regular::write(&path, sql.as_bytes()).map_err(disk("write", &path)),
    }
}

const HEAD: &str = "-- Views over the tables in this folder, for DuckDB: `.read views.sql`.
-- When the folder was moved or copied, say first where it is now:
--   SET VARIABLE jiralake_dir = '/where/the/tables/are';
";

fn view(sql: &mut String, (name, about): (&str, &str), schema: &Schema, files: Option<String>) {
    let name = format!("jira_{name}");
    let columns = schema.fields().iter().map(|field| identifier(field.name()));
    let columns = columns.collect::<Vec<_>>().join(", ");
    let empty = schema.fields().iter().map(|field| typed_null(field)).collect::<Vec<_>>();
    let empty = format!("SELECT {} WHERE false", empty.join(", "));
    let body = match files {
        Some(files) => format!(
            "SELECT {columns}\nFROM (\n  SELECT * FROM {files}\n  UNION ALL BY NAME\n  {empty}\n)"
        ),
        None => empty,
    };
    let about = literal(about);
    let docs = schema.fields().iter().map(|field| {
        let about = literal(&description(field));
        format!("COMMENT ON COLUMN {name}.{} IS {about};\n", identifier(field.name()))
    });
    let docs = docs.collect::<String>();
    let view = format!(
        "\nCREATE OR REPLACE VIEW {name} AS\n{body};\nCOMMENT ON VIEW {name} IS {about};\n{docs}"
    );
    sql.push_str(&view);
}

fn from_files(folder: &Path, pattern: &str) -> String {
    let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    // The folder is part of a pattern: what would be special in it stands in brackets.
    let mut escaped = String::new();
    for c in folder.to_string_lossy().chars() {
        match c {
            '*' | '?' | '[' => {
                escaped.push('[');
                escaped.push(c);
                escaped.push(']');
            }
            _ => escaped.push(c),
        }
    }
    format!(
        "read_parquet(COALESCE(getvariable('jiralake_dir'), {}) || {}, union_by_name = true, hive_partitioning = false)",
        literal(&escaped),
        literal(pattern)
    )
}

/// What a column means; the schema carries it.
pub(crate) fn description(field: &Field) -> String {
    field.metadata().get("description").cloned().unwrap_or_default()
}

fn typed_null(field: &Field) -> String {
    let kind = match field.data_type() {
        DataType::Boolean => "BOOLEAN",
        DataType::Int64 => "BIGINT",
        DataType::Float64 => "DOUBLE",
        DataType::Timestamp(_, Some(_)) => "TIMESTAMP WITH TIME ZONE",
        DataType::Timestamp(_, None) => "TIMESTAMP",
        _ => "VARCHAR",
    };
    format!("CAST(NULL AS {kind}) AS {}", identifier(field.name()))
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::layout::Style;

    fn sql(style: Style, with_issues: bool) -> String {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("it's [new]");
        let visible = Visible { folder, style };
        if with_issues {
            let path = visible.file(Table::Issues, &"2026-01".parse().unwrap());
            durable::write(&path, b"x").unwrap();
        }
        let fields = FieldMap::new(&BTreeMap::new(), None).unwrap();
        refresh(&visible, &fields).unwrap();
        std::fs::read_to_string(visible.folder.join(VIEWS_FILE)).unwrap()
    }

    #[test]
    fn every_table_has_a_view_and_every_column_a_comment() {
        let sql = sql(Style::Flat, true);
        let fields = FieldMap::new(&BTreeMap::new(), None).unwrap();
        let tables = Table::ALL.iter().map(|table| (table.name(), table.schema(&fields)));
        let dimensions = Dimension::ALL.iter().map(|each| (each.name(), each.schema()));
        for (name, schema) in tables.chain(dimensions) {
            assert!(sql.contains(&format!("CREATE OR REPLACE VIEW jira_{name} AS")));
            for field in schema.fields() {
                let about = format!("COMMENT ON COLUMN jira_{name}.\"{}\" IS '", field.name());
                assert!(sql.contains(&about), "{about}");
            }
        }
    }

    #[test]
    fn paths_are_quoted_and_only_tables_with_files_are_read() {
        for (style, pattern) in
            [(Style::Flat, "'/issues/*.parquet'"), (Style::Hive, "'/issues/month=*/data*.parquet'")]
        {
            let sql = sql(style, true);
            assert!(sql.contains("/it''s [[]new]') || "), "{sql}");
            assert!(sql.contains(pattern), "{sql}");
            assert_eq!(sql.matches("read_parquet(").count(), 1);
        }
        assert!(!sql(Style::Flat, false).contains("read_parquet("));
    }
}
