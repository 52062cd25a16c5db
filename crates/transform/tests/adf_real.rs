//! Reference documents of the format, valid and invalid, read in place when `JIRALAKE_TESTDATA`
//! names the folder that has them.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test stops at what it cannot read and says what it skips"
)]

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use transform::{adf, redact};

fn json_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            json_files(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "json") {
            found.push(path);
        }
    }
}

/// The reference documents with their paths; `None` when there are none on this machine.
fn documents() -> Option<Vec<(PathBuf, Value)>> {
    let Some(folder) = std::env::var_os("JIRALAKE_TESTDATA") else {
        eprintln!("skipped: JIRALAKE_TESTDATA is not set");
        return None;
    };
    let mut files = Vec::new();
    json_files(&Path::new(&folder).join("fixtures/adf"), &mut files);
    files.sort();
    assert!(files.len() > 200, "only {} files", files.len());
    let read = |path: PathBuf| {
        let value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        (path, value)
    };
    Some(files.into_iter().map(read).collect())
}

fn texts<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    if value["type"] == "text" {
        found.extend(value["text"].as_str());
    }
    for child in value["content"].as_array().into_iter().flatten() {
        texts(child, found);
    }
}

#[test]
fn siblings_of_every_reference_document_survive() {
    let Some(documents) = documents() else { return };
    let paragraph =
        |text| json!({"type": "paragraph", "content": [{"type": "text", "text": text}]});
    let mut with_content = 0;
    for (path, mut document) in documents {
        adf::text(&document);
        adf::media(&document);
        if let Some(content) = document["content"].as_array_mut() {
            content.insert(0, paragraph("SENTINEL-BEFORE"));
            content.push(paragraph("SENTINEL-AFTER"));
            let text = adf::text(&document).unwrap();
            assert!(text.starts_with("SENTINEL-BEFORE"), "{}\n{text}", path.display());
            assert!(text.ends_with("SENTINEL-AFTER"), "{}\n{text}", path.display());
            with_content += 1;
        }
    }
    assert!(with_content > 200, "only {with_content} documents");
}

#[test]
fn every_text_of_a_valid_document_is_in_its_text() {
    let Some(documents) = documents() else { return };
    let mut checked = 0;
    for (path, document) in &documents {
        let text = adf::text(document).unwrap_or_default();
        let mut expected = Vec::new();
        texts(document, &mut expected);
        for part in expected {
            // Blanks at the end of a block and credentials are left out.
            let part = redact::urls(part.trim());
            assert!(text.contains(part.as_ref()), "{}\n{part:?} is not in\n{text}", path.display());
            checked += 1;
        }
    }
    assert!(checked > 200, "only {checked} texts");
}
