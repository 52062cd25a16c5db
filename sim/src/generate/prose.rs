//! Sentences: picks a line for who writes about what, and fills its places.

use super::dice::Dice;
use super::topics::{AGENT, APP, APPS, CODES, CUSTOMER, HOSTS, Topic};
use super::voices::{Voice, endless_word};

/// Who is writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Writer {
    /// The reporter, in the first description.
    Reporter,
    /// The customer, later.
    Customer,
    /// An agent of the desk.
    Agent,
    /// An app.
    App,
}

/// The summary of a ticket: one line, at most 255 characters as Jira demands.
pub(crate) fn subject(dice: &mut Dice, topic: Topic, voice: Voice) -> String {
    let line = voice.line(dice).unwrap_or_else(|| dice.pick(topic.subjects));
    let mut text = fill(dice, line).replace(['\n', '\r'], " ");
    if voice == Voice::Hostile && dice.often(300) {
        text.push(' ');
        text.push_str(&endless_word(dice));
    }
    text.chars().take(255).collect()
}

/// One sentence.
pub(crate) fn sentence(dice: &mut Dice, writer: Writer, topic: Topic, voice: Voice) -> String {
    let foreign = match writer {
        Writer::Reporter | Writer::Customer if dice.often(800) => voice.line(dice),
        Writer::Agent if dice.often(100) => voice.line(dice),
        Writer::Reporter | Writer::Customer | Writer::Agent | Writer::App => None,
    };
    let line = foreign.unwrap_or_else(|| match writer {
        Writer::Reporter => dice.pick(topic.symptoms),
        Writer::Customer if dice.often(300) => dice.pick(topic.symptoms),
        Writer::Customer => dice.pick(&CUSTOMER),
        Writer::Agent if dice.often(300) => dice.pick(topic.fixes),
        Writer::Agent => dice.pick(&AGENT),
        Writer::App => dice.pick(&APP),
    });
    fill(dice, line)
}

/// Fills `{app}`, `{host}`, `{ver}`, `{n}` and `{code}`; other braces stay as they are.
pub(crate) fn fill(dice: &mut Dice, template: &str) -> String {
    let mut out = String::with_capacity(template.len() + 24);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let known = after.split_once('}').and_then(|(name, tail)| {
            let value = match name {
                "app" => dice.pick(&APPS).to_owned(),
                "host" => dice.pick(&HOSTS).to_owned(),
                "code" => dice.pick(&CODES).to_owned(),
                "n" => dice.between(2, 59).to_string(),
                "ver" => format!("{}.{}.{}", dice.between(1, 9), dice.below(20), dice.below(9)),
                _ => return None,
            };
            Some((value, tail))
        });
        match known {
            Some((value, tail)) => {
                out.push_str(&value);
                rest = tail;
            }
            None => {
                out.push('{');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

/// A stack trace or a piece of a log, as people paste it, with the language to show it in.
pub(crate) fn trace(dice: &mut Dice) -> (&'static str, String) {
    const FRAMES: [&str; 8] = [
        "com.example.desk.inbox.MailReader.read(MailReader.java",
        "com.example.desk.core.Session.resume(Session.java",
        "com.example.desk.export.CsvWriter.row(CsvWriter.java",
        "org.example.pool.Lease.acquire(Lease.java",
        "com.example.desk.api.IssueResource$$Proxy.get(Unknown Source",
        "java.base/java.util.ArrayList.forEach(ArrayList.java",
        "java.base/java.util.concurrent.FutureTask.run(FutureTask.java",
        "java.base/java.lang.Thread.run(Thread.java",
    ];
    let lines = dice.between(4, 16);
    match dice.below(4) {
        0 => {
            let mut text = format!(
                "java.lang.IllegalStateException: {} at \"{}\"",
                dice.pick(&CODES),
                dice.pick(&HOSTS)
            );
            for _ in 0..lines {
                let (frame, line) = (dice.pick(&FRAMES), dice.between(12, 900));
                text.push_str(&format!("\n\tat {frame}:{line})"));
            }
            ("java", text)
        }
        1 => {
            let mut text = "Traceback (most recent call last):".to_owned();
            for _ in 0..lines.min(6) {
                let line = dice.between(3, 700);
                text.push_str(&format!(
                    "\n  File \"/srv/app/jobs/step_{}.py\", line {line}, in run\n    self.next(row[\"id\"])",
                    dice.below(9)
                ));
            }
            text.push_str(&format!("\nKeyError: '{}'", dice.pick(&CODES)));
            ("python", text)
        }
        2 => {
            let mut text = String::new();
            for at in 0..lines {
                let (host, code) = (dice.pick(&HOSTS), dice.pick(&CODES));
                let ms = dice.between(1, 9000);
                text.push_str(&format!(
                    "2026-02-03 12:{:02}:{:02},{:03} {host} WARN  [worker-{}] request took {ms} ms: {code}\n",
                    at % 60,
                    dice.below(60),
                    dice.below(1000),
                    dice.below(16)
                ));
            }
            ("text", text)
        }
        _ => (
            "json",
            format!(
                "{{\n  \"error\": \"{}\",\n  \"host\": \"{}\",\n  \"retry\": {},\n  \"path\": \"C:\\\\data\\\\in\"\n}}",
                dice.pick(&CODES),
                dice.pick(&HOSTS),
                dice.below(9)
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::{Dice, fill};

    #[test]
    fn known_places_are_filled_and_other_braces_stay() {
        let mut dice = Dice::of(1, 1, "fill");
        assert_eq!(fill(&mut dice, "{{7*7}} {0} {"), "{{7*7}} {0} {");
        let filled = fill(&mut dice, "{app} on {host}");
        assert!(!filled.contains('{'), "{filled}");
    }
}
