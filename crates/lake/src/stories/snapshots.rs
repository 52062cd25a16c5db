//! The raw snapshots on disk.

use jira::time::Instant;
use serde_json::Value;
use transform::{Catalogue, Deletion, Evidence, Reason};

use super::world::{Issue, JANUARY, deletion, names};
use crate::durable;
use crate::error::Error;
use crate::raw::Raw;

fn raw(folder: &std::path::Path) -> Raw {
    let raw = Raw::at(folder).unwrap();
    raw.create().unwrap();
    raw
}

#[test]
fn absent_unreadable_and_present_are_three_answers() {
    let dir = tempfile::tempdir().unwrap();
    let raw = raw(dir.path());
    let issue = Issue::new(1, JANUARY);
    assert!(raw.read(&issue.key()).unwrap().is_none());
    raw.write(&issue.key(), &issue.bytes(), None).unwrap();
    assert_eq!(raw.read(&issue.key()).unwrap().unwrap().id(), issue.id());
    for bad in [&b""[..], b"{", b"[]", b"{}", b"{\"id\":\"x\",\"key\":\"A-1\"}"] {
        raw.write(&issue.key(), bad, None).unwrap();
        match raw.read(&issue.key()) {
            Err(Error::Unreadable { file, .. }) => assert_eq!(file, "A-1.json"),
            other => panic!("{other:?}"),
        }
    }
    std::fs::remove_dir_all(dir.path().join("issues")).unwrap();
    assert!(raw.read(&issue.key()).is_err(), "a missing folder says nothing about its files");
    assert!(raw.files().is_err());
}

/// One buffer for files of all lengths: nothing of a longer one is taken for a shorter one's.
#[test]
fn a_file_is_read_to_its_end_and_no_further() {
    let dir = tempfile::tempdir().unwrap();
    let (raw, mut buffer) = (raw(dir.path()), Vec::new());
    let path = dir.path().join("issues/A-1.json");
    for length in [0, 1, 65_535, 131_072, 131_073, 1_000_000, 262_144, 3, 0] {
        let bytes = (0..length).map(|n: u32| n.to_le_bytes()[0] ^ 1).collect::<Vec<_>>();
        durable::write(&path, &bytes).unwrap();
        assert!(raw.read_into("A-1.json", &mut buffer).unwrap() == Some(&bytes), "{length}");
        assert!(raw.bytes("A-1.json").unwrap() == Some(bytes), "{length}");
    }
    let file = std::fs::File::options().write(true).open(&path).unwrap();
    file.set_len(256 * 1024 * 1024 + 1).unwrap();
    match raw.read_into("A-1.json", &mut buffer) {
        Err(Error::Unreadable { reason, .. }) => assert!(reason.contains("larger"), "{reason}"),
        _ => panic!("a file of more than 256 MiB was read"),
    }
    assert!(buffer.len() < 257 * 1024 * 1024, "{} bytes were taken for it", buffer.len());
}

#[test]
fn a_folder_that_another_program_filled_is_read_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let issue = Issue::new(1, JANUARY);
    let json = serde_json::to_vec_pretty(&issue.json()).unwrap();
    durable::write(&dir.path().join("A-1.json"), &json).unwrap();
    durable::write(&dir.path().join("fields.json"), b"{}").unwrap();
    durable::write(&dir.path().join(".hidden.json"), b"{}").unwrap();
    let raw = Raw::at(dir.path()).unwrap();
    assert_eq!(raw.files().unwrap(), ["A-1.json"]);
    assert_eq!(raw.read(&issue.key()).unwrap().unwrap().json(), &issue.json());
    // Written to where the others are, not beside them into a folder that would hide them.
    raw.create().unwrap();
    raw.write(&Issue::new(2, JANUARY).key(), &Issue::new(2, JANUARY).bytes(), None).unwrap();
    assert_eq!(raw.files().unwrap(), ["A-1.json", "A-2.json"]);
    let again = Raw::at(dir.path()).unwrap();
    assert_eq!(again.files().unwrap().len(), 2);
}

#[test]
fn a_former_key_that_is_another_issue_by_now_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let raw = raw(dir.path());
    let other = Issue { key: "A-1".to_owned(), ..Issue::new(2, JANUARY) };
    raw.write(&other.key(), &other.bytes(), None).unwrap();
    durable::write(&dir.path().join("attachments/A-1/8_x.png"), b"x").unwrap();
    let moved = Issue { key: "B-1".to_owned(), ..Issue::new(1, JANUARY) };
    raw.write(&moved.key(), &moved.bytes(), Some(&other.key())).unwrap();
    assert_eq!(raw.files().unwrap(), ["A-1.json", "B-1.json"]);
    assert_eq!(names(&dir.path().join("attachments")), ["A-1"]);
}

#[test]
fn marking_as_deleted_leaves_everything_else_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let raw = raw(dir.path());
    let issue = Issue::new(1, JANUARY);
    let json = r#"{"id":"1","key":"A-1","fields":{"n":1.10,"big":123456789012345678901234567890}}"#;
    raw.write(&issue.key(), json.as_bytes(), None).unwrap();
    for (at, evidence) in
        [("2026-06-01T00:00:00Z", Some(Evidence::Census)), ("2026-07-01T00:00:00Z", None)]
    {
        let at = Instant::parse(at).unwrap();
        let deletion = Deletion { at, evidence, reason: Reason::Gone };
        assert!(raw.mark_deleted(&issue.key(), &deletion).unwrap());
        let marked = raw.read(&issue.key()).unwrap().unwrap();
        assert_eq!(marked.deleted_at(), Some(at));
        let told = ["_deleted_evidence", "_deleted_reason"].map(|name| marked.json().get(name));
        let wanted = [evidence.map(|e| e.as_str().into()), Some("gone".into())];
        assert_eq!(told.map(Option::<&Value>::cloned), wanted);
    }
    let text = String::from_utf8(raw.bytes("A-1.json").unwrap().unwrap()).unwrap();
    assert!(text.contains(r#"{"n":1.10,"big":123456789012345678901234567890}"#), "{text}");
    assert!(!raw.mark_deleted(&Issue::new(2, None).key(), &deletion()).unwrap());
}

#[test]
fn attachments_are_found_by_id_and_links_are_not_followed() {
    let dir = tempfile::tempdir().unwrap();
    let raw = raw(dir.path());
    let key = Issue::new(1, JANUARY).key();
    let folder = dir.path().join("attachments/A-1");
    for name in ["56340_image.png", "7_a_b.txt", ".8_x.tmp", "x_9.png", "_5.png", "11_dir/x"] {
        durable::write(&folder.join(name), b"x").unwrap();
    }
    #[cfg(unix)]
    std::os::unix::fs::symlink("/etc/passwd", folder.join("12_link")).unwrap();
    let found = raw.stored_files(&key).unwrap();
    let found = found.iter().map(|(id, file)| (id.as_str(), file.local_path.as_str()));
    let wanted = [("56340", "attachments/A-1/56340_image.png"), ("7", "attachments/A-1/7_a_b.txt")];
    assert_eq!(found.collect::<Vec<_>>(), wanted);
    assert!(raw.stored_files(&Issue::new(2, None).key()).unwrap().is_empty());
}

#[test]
fn the_catalogue_is_absent_readable_or_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let raw = raw(dir.path());
    assert!(raw.read_catalogue().unwrap().is_none());
    let field = r#"[{"id":"customfield_10004","name":"Severity","schema":{"type":"option"}}]"#;
    let catalogue = Catalogue::parse(field.as_bytes(), "fields.json").unwrap();
    raw.write_catalogue(&catalogue).unwrap();
    assert_eq!(raw.read_catalogue().unwrap(), Some(catalogue));
    durable::write(&dir.path().join("fields.json"), b"{").unwrap();
    assert!(raw.read_catalogue().is_err());
}
