//! Where an attachment's bytes live. The names are made from what Jira says, so they are made safe
//! first: nothing of them can leave the folder they are put in.

use jira::id::IssueKey;

/// Most file systems' limit for one name.
const NAME_BYTES: usize = 255;

/// An extension longer than this is part of a sentence, not an extension.
const EXTENSION_BYTES: usize = 16;

/// The name on disk, `{id}_{filename}`: no separators, no control characters, no leading dots, at
/// most 255 bytes. The extension survives shortening.
pub fn attachment_file_name(id: &str, filename: &str) -> String {
    let id: String = safe(id).chars().take(40).collect();
    let filename = safe(filename);
    let room = NAME_BYTES.saturating_sub(id.len() + 1);
    format!("{id}_{}", shortened(&filename, room))
}

/// The path below a folder of attachments that does not grow too wide: `14/991/54908_files.zip`
/// for `SUPPORT-14991`, `0/42/…` for `SUPPORT-42`.
pub fn hierarchical_path(key: &IssueKey, id: &str, filename: &str) -> String {
    let number = key.number();
    let name = attachment_file_name(id, filename);
    if number < 1000 {
        format!("0/{number}/{name}")
    } else {
        format!("{}/{:03}/{name}", number / 1000, number % 1000)
    }
}

fn safe(name: &str) -> String {
    name.trim_start_matches('.')
        .chars()
        .map(|c| if c.is_control() || matches!(c, '/' | '\\') { '_' } else { c })
        .collect()
}

fn shortened(name: &str, room: usize) -> String {
    if name.len() <= room {
        return name.to_owned();
    }
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    if extension.is_empty() || extension.len() > EXTENSION_BYTES {
        return prefix(name, room).to_owned();
    }
    let stem = prefix(name, room.saturating_sub(extension.len() + 1));
    format!("{stem}.{extension}")
}

/// The longest beginning of at most `room` bytes that ends between two characters.
fn prefix(name: &str, room: usize) -> &str {
    let end = (0..=room.min(name.len())).rev().find(|at| name.is_char_boundary(*at));
    end.and_then(|end| name.get(..end)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_their_folder() {
        for (filename, wanted) in [
            ("files.zip", "1_files.zip"),
            ("../../etc/passwd", "1__.._etc_passwd"),
            ("a\\b:c\0d\ne\u{7f}", "1_a_b:c_d_e_"),
            ("...", "1_"),
            (".htaccess", "1_htaccess"),
            ("", "1_"),
            ("스크린샷 🎉.png", "1_스크린샷 🎉.png"),
        ] {
            assert_eq!(attachment_file_name("1", filename), wanted, "{filename:?}");
        }
        assert_eq!(attachment_file_name("../9", "a"), "_9_a");
    }

    #[test]
    fn long_names_are_cut_between_characters_and_keep_their_extension() {
        for name in ["あ".repeat(200) + ".png", "a".repeat(300), "x.".to_owned() + &"y".repeat(400)]
        {
            let short = attachment_file_name("54908", &name);
            assert!(short.len() <= NAME_BYTES && short.len() > NAME_BYTES - 4, "{short}");
            assert_eq!(short.ends_with(".png"), name.ends_with(".png"));
        }
        assert!(attachment_file_name(&"9".repeat(999), "a.png").ends_with("_a.png"));
    }

    #[test]
    fn paths_are_thousands_and_rest() {
        for (key, wanted) in [
            ("SUPPORT-14991", "14/991/54908_files.zip"),
            ("SUPPORT-14005", "14/005/54908_files.zip"),
            ("SUPPORT-1000", "1/000/54908_files.zip"),
            ("SUPPORT-999", "0/999/54908_files.zip"),
            ("SUPPORT-7", "0/7/54908_files.zip"),
            ("SUPPORT-1234567", "1234/567/54908_files.zip"),
        ] {
            let path = hierarchical_path(&key.parse().unwrap(), "54908", "files.zip");
            assert_eq!(path, wanted);
        }
    }
}
