//! The files of a ticket: small, real files of their kinds, with the names that people give them.

use std::io::Write;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use serde_json::{Value, json};

use super::World;
use super::dice::Dice;
use super::outline::Outline;
use super::prose;
use super::voices::Voice;

/// A file that hangs on an issue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GeneratedAttachment {
    /// The attachment's id, as in `fields.attachment[].id`.
    pub id: i64,
    /// The id that media nodes use, a UUID; it is not the attachment's id.
    pub media_id: String,
    /// The name, as Jira says it; names repeat within an issue.
    pub filename: String,
    /// The media type.
    pub mime_type: String,
    /// The file itself.
    pub bytes: Vec<u8>,
}

/// A file and the place that shows it.
#[derive(Debug)]
pub(crate) struct Placed {
    pub(crate) file: GeneratedAttachment,
    /// The comment that shows it, by position; `None` is the description.
    pub(crate) comment: Option<usize>,
}

const PLAIN_NAMES: [(&str, Form); 9] = [
    ("image.png", Form::Png),
    ("image.png", Form::Png),
    ("Screenshot 2026-01-12 at 09.14.03.png", Form::Png),
    ("server.log", Form::Log),
    ("server.log.gz", Form::Gzip),
    ("customers.csv", Form::Csv),
    ("thread-dump.txt", Form::Log),
    ("invoice.pdf", Form::Pdf),
    ("mail headers (1).txt", Form::Log),
];
const OTHER_NAMES: [(&str, Form); 9] = [
    ("画面キャプチャ.png", Form::Png),
    ("فاتورة.pdf", Form::Pdf),
    ("צילום מסך.png", Form::Png),
    ("📷 photo.png", Form::Png),
    ("\"quoted\" & <tagged>.txt", Form::Log),
    ("..\\..\\report.txt", Form::Log),
    ("CON", Form::Log),
    ("100%2Foff?#.csv", Form::Csv),
    (".htaccess", Form::Log),
];

#[derive(Debug, Clone, Copy, Default)]
enum Form {
    Png,
    #[default]
    Log,
    Gzip,
    Csv,
    Pdf,
}

/// The files of the ticket, shown by the description or by one of so many comments.
pub(crate) fn of(world: &World, outline: &Outline, comments: usize) -> Vec<Placed> {
    let mut dice = Dice::of(world.options.seed, outline.n, "attachments");
    let count = dice.tail(&[(580, 0, 0), (250, 1, 1), (120, 2, 3), (45, 4, 7), (5, 12, 15)]);
    (0..world.scaled(count))
        .map(|at| {
            let (filename, form) = name(&mut dice, outline.voice);
            let file = GeneratedAttachment {
                id: 40_000 + i64::from(outline.n) * 16 + at,
                media_id: dice.uuid(),
                filename,
                mime_type: form.mime_type().to_owned(),
                bytes: form.bytes(&mut dice),
            };
            let shown_by_comment = comments > 0 && dice.often(550);
            Placed { file, comment: shown_by_comment.then(|| dice.below(comments)) }
        })
        .collect()
}

fn name(dice: &mut Dice, voice: Voice) -> (String, Form) {
    if voice == Voice::English || dice.often(300) {
        let (name, form) = dice.pick(&PLAIN_NAMES);
        return (name.to_owned(), form);
    }
    if voice == Voice::Hostile && dice.often(150) {
        return (format!("{}.log", "very-long-name-".repeat(16)), Form::Log);
    }
    let (name, form) = dice.pick(&OTHER_NAMES);
    (name.to_owned(), form)
}

/// The attachment as the issue carries it.
pub(crate) fn value(world: &World, file: &GeneratedAttachment, author: &Value, at: i64) -> Value {
    let site = world.site();
    let mut value = json!({
        "self": format!("{site}/rest/api/3/attachment/{}", file.id),
        "id": file.id.to_string(),
        "filename": file.filename,
        "author": author,
        "created": world.options.zone.stamp(at),
        "size": file.bytes.len(),
        "mimeType": file.mime_type,
        "content": format!("{site}/rest/api/3/attachment/content/{}", file.id),
    });
    if file.mime_type.starts_with("image/")
        && let Some(members) = value.as_object_mut()
    {
        let thumbnail = format!("{site}/rest/api/3/attachment/thumbnail/{}", file.id);
        members.insert("thumbnail".to_owned(), json!(thumbnail));
    }
    value
}

impl Form {
    fn mime_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Log => "text/plain",
            Self::Gzip => "application/gzip",
            Self::Csv => "text/csv",
            Self::Pdf => "application/pdf",
        }
    }

    /// 1 to 20 KB.
    fn bytes(self, dice: &mut Dice) -> Vec<u8> {
        let size = usize::try_from(dice.between(1_100, 19_000)).unwrap_or(2_000);
        match self {
            Self::Png => png(dice, size),
            Self::Log => log(dice, size).into_bytes(),
            Self::Gzip => {
                let noise: Vec<u8> =
                    (0..size / 8).flat_map(|_| dice.next().to_le_bytes()).collect();
                let mut encoder = GzEncoder::new(Vec::new(), Compression::none());
                // Writing to memory cannot fail; an empty file would be the honest answer.
                encoder.write_all(&noise).and_then(|()| encoder.finish()).unwrap_or_default()
            }
            Self::Csv => {
                let mut text = "id,name,amount\r\n".to_owned();
                while text.len() < size {
                    let (id, cents) = (dice.between(1, 99_999), dice.between(100, 99_999));
                    text.push_str(&format!(
                        "{id},\"Zoë, {}\",{cents}\r\n",
                        prose::fill(dice, "{app}")
                    ));
                }
                text.into_bytes()
            }
            Self::Pdf => {
                let mut text = "%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n\
                                2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\n"
                    .to_owned();
                while text.len() < size {
                    text.push_str(&format!("% {:016x}{:016x}\n", dice.next(), dice.next()));
                }
                text.push_str("trailer<</Root 1 0 R>>\n%%EOF\n");
                text.into_bytes()
            }
        }
    }
}

fn log(dice: &mut Dice, size: usize) -> String {
    let mut text = String::new();
    while text.len() < size {
        let (_, part) = prose::trace(dice);
        text.push_str(&part);
        text.push('\n');
    }
    text
}

/// A grey picture of noise, so that its size does not depend on how well it is packed.
fn png(dice: &mut Dice, size: usize) -> Vec<u8> {
    let width = 64;
    let rows = (size / (width + 1)).max(1);
    let mut pixels = Vec::with_capacity(size + 8);
    for _ in 0..rows {
        pixels.push(0);
        pixels.extend((0..width / 8).flat_map(|_| dice.next().to_le_bytes()));
    }
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::none());
    let data = encoder.write_all(&pixels).and_then(|()| encoder.finish()).unwrap_or_default();
    let mut header = Vec::new();
    for side in [width, rows] {
        header.extend(u32::try_from(side).unwrap_or(1).to_be_bytes());
    }
    header.extend([8, 0, 0, 0, 0]);
    let mut file = vec![0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n'];
    for (kind, body) in [(b"IHDR", header), (b"IDAT", data), (b"IEND", Vec::new())] {
        let mut sum = flate2::Crc::new();
        sum.update(kind);
        sum.update(&body);
        file.extend(u32::try_from(body.len()).unwrap_or(0).to_be_bytes());
        file.extend(kind);
        file.extend(body);
        file.extend(sum.sum().to_be_bytes());
    }
    file
}
