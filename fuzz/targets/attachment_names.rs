//! The names under which attachments lie on disk. The first line is the id, the rest the file name.

#![no_main]

use jira::id::IssueKey;
use libfuzzer_sys::fuzz_target;
use transform::{attachment_file_name, hierarchical_path};

fuzz_target!(|text: &str| {
    let (id, filename) = text.split_once('\n').unwrap_or(("7", text));
    let name = attachment_file_name(id, filename);
    assert!((1..=255).contains(&name.len()), "{} bytes", name.len());
    assert!(!name.contains(['/', '\\', '\0']), "{name:?}");
    assert!(!name.chars().any(char::is_control), "{name:?}");
    assert!(!name.starts_with('.') && name.chars().any(|letter| letter != '.'), "{name:?}");
    let extension = filename.rsplit_once('.').map_or("", |(_, extension)| extension);
    let is_plain = extension.bytes().all(|b| b.is_ascii_alphanumeric());
    if is_plain && (1..=16).contains(&extension.len()) && !filename.starts_with('.') {
        assert!(name.ends_with(&format!(".{extension}")), "{name:?} of {filename:?}");
    }
    let Ok(key) = format!("SUPPORT-{id}").parse::<IssueKey>() else { return };
    let path = hierarchical_path(&key, id, filename);
    let parts: Vec<_> = path.split('/').collect();
    assert_eq!(parts.len(), 3, "{path:?}");
    assert!(parts[..2].iter().all(|part| part.bytes().all(|b| b.is_ascii_digit())), "{path:?}");
    assert_eq!(parts[2], name);
});
