//! Whole documents: a description or a comment as somebody would write it.

use serde_json::Value;

use super::adf;
use super::dice::Dice;
use super::people::People;
use super::prose::{self, Writer};
use super::topics::Topic;
use super::voices::{Voice, endless_word};

/// What a document is about and who is around.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scene<'a> {
    pub(crate) people: &'a People,
    pub(crate) site: &'a str,
    pub(crate) key: &'a str,
    pub(crate) topic: Topic,
    pub(crate) voice: Voice,
    /// When it is written.
    pub(crate) at: i64,
}

/// A file that a document shows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shown<'a> {
    pub(crate) media_id: &'a str,
    pub(crate) filename: &'a str,
}

/// A document of about that many blocks, which shows those files.
pub(crate) fn compose(
    dice: &mut Dice,
    scene: Scene<'_>,
    writer: Writer,
    size: i64,
    shown: &[Shown<'_>],
) -> Value {
    let mut blocks = Vec::new();
    if writer == Writer::Agent && dice.often(500) {
        blocks.push(greeting(dice, scene));
    }
    for _ in 0..size.max(1) {
        blocks.push(block(dice, scene, writer));
    }
    let mut grouped = Vec::new();
    for file in shown {
        if dice.often(700) {
            blocks.push(adf::picture(file.media_id, file.filename));
        } else {
            grouped.push(file.media_id);
        }
    }
    if !grouped.is_empty() {
        blocks.push(adf::files(&grouped));
    }
    if dice.often(120) {
        blocks.push(adf::paragraph(Vec::new()));
    }
    adf::doc(blocks)
}

fn greeting(dice: &mut Dice, scene: Scene<'_>) -> Value {
    let mut inline = vec![adf::text("Hello ")];
    let person = scene.people.customer(dice);
    inline.push(adf::mention(&person.account_id, &person.name));
    inline.push(adf::text(","));
    adf::paragraph(inline)
}

fn block(dice: &mut Dice, scene: Scene<'_>, writer: Writer) -> Value {
    if writer == Writer::App {
        return adf::paragraph(sentences(dice, scene, writer));
    }
    match dice.below(100) {
        0..66 => adf::paragraph(sentences(dice, scene, writer)),
        66..76 => adf::paragraph(rich_line(dice, scene, writer)),
        76..81 => {
            let (language, text) = prose::trace(dice);
            adf::code(language, &text)
        }
        81..85 => steps(dice, scene, writer),
        85..87 => table(dice),
        87..89 => {
            let kind = dice.pick(&["info", "note", "warning", "success", "error"]);
            adf::panel(kind, vec![plain(dice, scene, writer)])
        }
        89..91 => checklist(dice, scene, writer),
        91..93 => {
            let (language, text) = prose::trace(dice);
            let inside = vec![plain(dice, scene, writer), adf::code(language, &text)];
            adf::expand(dice.pick(&["Details", "Log", "Mail headers", "詳細"]), inside)
        }
        93..95 => adf::node("blockquote", vec![plain(dice, scene, writer)]),
        95..97 => {
            let words = dice.pick(&["Steps to reproduce", "Expected", "What we tried", "Analysis"]);
            adf::heading(if dice.often(500) { 2 } else { 3 }, words)
        }
        97 => adf::decision(&dice.uuid(), &prose::sentence(dice, writer, scene.topic, scene.voice)),
        98 => adf::block_card(&card_url(dice, scene)),
        _ if scene.voice == Voice::Hostile => adf::line(&endless_word(dice)),
        _ => adf::node("rule", Vec::new()),
    }
}

fn plain(dice: &mut Dice, scene: Scene<'_>, writer: Writer) -> Value {
    adf::line(&prose::sentence(dice, writer, scene.topic, scene.voice))
}

fn sentences(dice: &mut Dice, scene: Scene<'_>, writer: Writer) -> Vec<Value> {
    let mut text = prose::sentence(dice, writer, scene.topic, scene.voice);
    for _ in 0..dice.below(3) {
        text.push(' ');
        text.push_str(&prose::sentence(dice, writer, scene.topic, scene.voice));
    }
    vec![adf::text(&text)]
}

fn rich_line(dice: &mut Dice, scene: Scene<'_>, writer: Writer) -> Vec<Value> {
    let mut inline = vec![adf::text(&prose::sentence(dice, writer, scene.topic, scene.voice))];
    for _ in 0..dice.between(1, 4) {
        inline.push(adf::text(" "));
        inline.push(match dice.below(10) {
            0 => {
                let person = scene.people.agent(dice);
                adf::mention(&person.account_id, &person.name)
            }
            1 => adf::emoji("thumbsup", "1f44d", "👍"),
            2 => adf::emoji("blob_help", "7f3c1b2e-site-emoji", ""),
            3 => adf::inline_card(&card_url(dice, scene)),
            4 => adf::date(scene.at + dice.between(-9, 9) * 86_400_000),
            5 => adf::status(
                dice.pick(&["URGENT", "DONE", "BLOCKED", "IN REVIEW"]),
                dice.pick(&["red", "green", "yellow", "neutral"]),
                &dice.uuid(),
            ),
            6 => adf::link("the manual", "https://docs.example.com/guide?section=4&lang=en#top"),
            7 => adf::marked(&prose::fill(dice, "{code}"), "code"),
            8 => adf::marked(&prose::fill(dice, "{app}"), "strong"),
            _ => adf::hard_break(),
        });
    }
    inline
}

fn card_url(dice: &mut Dice, scene: Scene<'_>) -> String {
    match dice.below(4) {
        0 => format!("{}/browse/{}", scene.site, scene.key),
        1 => format!("https://wiki.example.com/x/{:08x}", dice.next() >> 32),
        2 => format!("https://files.example.com/get?name=log.txt&token={:016x}", dice.next()),
        _ => format!("https://status.example.com/incidents/{}", dice.between(100, 999)),
    }
}

fn steps(dice: &mut Dice, scene: Scene<'_>, writer: Writer) -> Value {
    let kind = dice.pick(&["bulletList", "orderedList"]);
    let mut items = Vec::new();
    for _ in 0..dice.between(2, 6) {
        let mut blocks = vec![plain(dice, scene, writer)];
        if dice.often(120) {
            blocks.push(adf::list("bulletList", vec![vec![plain(dice, scene, writer)]]));
        }
        items.push(blocks);
    }
    adf::list(kind, items)
}

fn checklist(dice: &mut Dice, scene: Scene<'_>, writer: Writer) -> Value {
    let items: Vec<(bool, String)> = (0..dice.between(2, 4))
        .map(|_| {
            let words = prose::sentence(dice, writer, scene.topic, scene.voice);
            (dice.often(500), words)
        })
        .collect();
    adf::tasks(&dice.uuid(), &items)
}

fn table(dice: &mut Dice) -> Value {
    let mut rows = vec![vec!["Host".to_owned(), "Version".to_owned(), "Result | note".to_owned()]];
    for _ in 0..dice.between(1, 5) {
        rows.push(vec![
            prose::fill(dice, "{host}"),
            prose::fill(dice, "{ver}"),
            prose::fill(dice, "{code} after {n} s"),
        ]);
    }
    adf::table(&dice.uuid(), rows)
}
