//! How the program speaks: stdout is data, stderr is talk. The only place that prints.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// One line of data on stdout. A reader that went away (`| head`) ends the program quietly.
pub(crate) fn data(line: impl Display) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{line}")
}

/// One line of talk on stderr. `eprintln!` would end the process when stderr is a full disk or a closed
/// pipe.
pub(crate) fn talk(line: impl Display) {
    // One write, so that lines of several threads do not mix. Talk that cannot be told has no other
    // place to go.
    drop(io::stderr().lock().write_all(format!("{line}\n").as_bytes()));
}

/// An error with its causes, for people. A closed pipe on stdout is not worth words.
pub(crate) fn failure(error: &anyhow::Error) {
    let closed = error.chain().any(|cause| {
        cause.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
    });
    if !closed {
        talk(format_args!("jiralake: {}", escaped(&format!("{error:#}"))));
    }
}

/// Text from elsewhere, so that it cannot move the cursor or forge a line: control characters and
/// those that reorder text are escaped.
pub(crate) fn escaped(text: &str) -> String {
    let hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
    };
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if hidden(c) { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    shown
}

/// An error with its causes in one line.
pub(crate) fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let texts: Vec<String> = anyhow::Chain::new(error).map(ToString::to_string).collect();
    escaped(&texts.join(": "))
}

/// A progress bar on a terminal, nothing elsewhere.
pub(crate) fn progress(total: u64, what: &'static str) -> ProgressBar {
    let target = if io::stderr().is_terminal() {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    let bar = ProgressBar::with_draw_target(Some(total), target);
    let style = "{msg} [{bar:30}] {human_pos}/{human_len} · {per_sec} · {eta} left";
    bar.set_style(
        ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    bar.set_message(what);
    bar
}

/// Rows of cells as columns on stdout, the first row as their heads: the first `left` of them are
/// words, the others numbers.
pub(crate) fn aligned(rows: &[Vec<String>], left: usize) -> io::Result<()> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |at: usize| {
        rows.iter().filter_map(move |row| row.get(at)).map(|cell: &String| cell.chars().count())
    };
    let widths: Vec<usize> = (0..columns).map(|at| width(at).max().unwrap_or(0)).collect();
    for row in rows {
        let cells =
            row.iter().zip(&widths).enumerate().map(|(at, (cell, width))| match at < left {
                true => format!("{cell:<width$}"),
                false => format!("{cell:>width$}"),
            });
        data(cells.collect::<Vec<_>>().join("  ").trim_end())?;
    }
    Ok(())
}

/// A duration as people read it: `4.2 ms`, `1.3 s`.
pub(crate) fn took(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds < 1.0 { format!("{:.1} ms", seconds * 1e3) } else { format!("{seconds:.1} s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_elsewhere_cannot_forge_a_line() {
        assert_eq!(escaped("a\nERROR b\x1b[31m\u{202e}é"), "a\\nERROR b\\u{1b}[31m\\u{202e}é");
    }

    #[test]
    fn durations_read_well() {
        assert_eq!(took(Duration::from_micros(4210)), "4.2 ms");
        assert_eq!(took(Duration::from_millis(1320)), "1.3 s");
    }
}
