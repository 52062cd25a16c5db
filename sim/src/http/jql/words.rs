//! JQL in words.

/// A word of a query, with the character it starts at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) kind: Kind,
    pub(super) text: String,
    pub(super) at: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A name, a number or a keyword.
    Plain,
    /// A quoted string, without its quotes.
    Quoted,
    /// An operator, a parenthesis or a comma.
    Sign,
}

impl Word {
    /// Whether this is the keyword.
    pub(super) fn is(&self, keyword: &str) -> bool {
        self.kind == Kind::Plain && self.text.eq_ignore_ascii_case(keyword)
    }

    /// Whether this is the sign.
    pub(super) fn is_sign(&self, sign: &str) -> bool {
        self.kind == Kind::Sign && self.text == sign
    }
}

/// Splits a query; the error is the character where a string is left open.
pub(super) fn split(query: &str) -> Result<Vec<Word>, usize> {
    let mut words = Vec::new();
    let mut chars = query.chars().enumerate().peekable();
    while let Some((at, char)) = chars.next() {
        let (kind, text) = match char {
            white if white.is_whitespace() => continue,
            quote @ ('"' | '\'') => {
                let mut text = String::new();
                loop {
                    match chars.next() {
                        None => return Err(at),
                        Some((_, end)) if end == quote => break,
                        Some((_, '\\')) => text.extend(chars.next().map(|(_, escaped)| escaped)),
                        Some((_, other)) => text.push(other),
                    }
                }
                (Kind::Quoted, text)
            }
            '(' | ')' | ',' => (Kind::Sign, char.to_string()),
            '=' | '!' | '<' | '>' | '~' => {
                let mut text = char.to_string();
                while let Some((_, next)) = chars.next_if(|(_, next)| "=~".contains(*next)) {
                    text.push(next);
                }
                (Kind::Sign, text)
            }
            first => {
                let mut text = first.to_string();
                let inside = |next: char| !next.is_whitespace() && !"(),=!<>~\"'".contains(next);
                while let Some((_, next)) = chars.next_if(|(_, next)| inside(*next)) {
                    text.push(next);
                }
                (Kind::Plain, text)
            }
        };
        words.push(Word { kind, text, at });
    }
    Ok(words)
}
