//! Bytes to a tree, in one pass and without what nobody wants.
//!
//! What is skipped is held to the same grammar as what is read: a file is JSON or it is not,
//! whoever reads it. Where this parser is not certain it answers `None`, and the caller asks
//! `serde_json`: it never accepts what that would refuse.

use bumpalo::Bump;

use super::lanes::{end_of_blanks, end_of_text, is_same};
use super::text::{is_escaped, unescape};
use super::{Arena, Json, Member, Number, Want};
use crate::field::id::CUSTOM;

/// As deep as `serde_json` goes.
const MAX_DEPTH: usize = 127;

/// Whole numbers of more digits may not fit; they are left to `serde_json`.
const MAX_DIGITS: usize = 18;

/// The wanted members of a document; `None` when it is not JSON, or when only `serde_json` knows.
pub(crate) fn parse<'a>(bytes: &'a [u8], want: Want<'_>, arena: &'a Arena) -> Option<Json<'a>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let mut parser =
        Parser { text, bytes, at: 0, arena: &arena.0, elements: Vec::new(), members: Vec::new() };
    parser.blanks();
    parser.value(want, 0, |parser, json| parser.elements.push(json))?;
    parser.blanks();
    if parser.at == bytes.len() { parser.elements.pop() } else { None }
}

struct Parser<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    arena: &'a Bump,
    /// Of the lists that are being read, the innermost last.
    elements: Vec<Json<'a>>,
    /// Of the objects that are being read, the innermost last.
    members: Vec<Member<'a>>,
}

impl<'a> Parser<'a> {
    #[inline]
    fn peek(&self) -> u8 {
        // No token begins with a zero.
        self.bytes.get(self.at).copied().unwrap_or(0)
    }

    #[inline]
    fn blanks(&mut self) {
        if self.peek() <= b' ' {
            self.at = end_of_blanks(self.bytes, self.at);
        }
    }

    /// Goes over this byte, if it is next.
    #[inline]
    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == byte;
        self.at += usize::from(found);
        found
    }

    #[inline]
    fn word(&mut self, word: &str) -> Option<()> {
        let found = self.bytes.get(self.at..)?.starts_with(word.as_bytes());
        self.at += word.len();
        found.then_some(())
    }

    /// Reads a value and hands it to `keep`. What a function answers goes through memory, where a
    /// value that was put together from parts is waited for; so this is inlined where it is kept.
    #[inline(always)]
    fn value(
        &mut self,
        want: Want<'_>,
        depth: usize,
        keep: impl FnOnce(&mut Self, Json<'a>),
    ) -> Option<()> {
        match self.peek() {
            b'"' => {
                let text = self.string()?;
                keep(self, Json::Text(text));
            }
            b'{' if depth < MAX_DEPTH => {
                let members = self.object(want, depth + 1)?;
                keep(self, Json::Object(members));
            }
            b'[' if depth < MAX_DEPTH => {
                let elements = self.list(want, depth + 1)?;
                keep(self, Json::List(elements));
            }
            b'n' => {
                self.word("null")?;
                keep(self, Json::Null);
            }
            b't' => {
                self.word("true")?;
                keep(self, Json::Bool(true));
            }
            b'f' => {
                self.word("false")?;
                keep(self, Json::Bool(false));
            }
            _ => {
                let number = self.number()?;
                keep(self, Json::Number(number));
            }
        }
        Some(())
    }

    #[inline(never)]
    fn list(&mut self, want: Want<'_>, depth: usize) -> Option<&'a [Json<'a>]> {
        self.at += 1;
        self.blanks();
        if self.take(b']') {
            return Some(&[]);
        }
        let before = self.elements.len();
        loop {
            self.value(want, depth, |parser, element| parser.elements.push(element))?;
            if self.ends(b']')? {
                break;
            }
        }
        let list = self.arena.alloc_slice_copy(self.elements.get(before..)?);
        self.elements.truncate(before);
        Some(list)
    }

    #[inline(never)]
    fn object(&mut self, want: Want<'_>, depth: usize) -> Option<&'a [Member<'a>]> {
        self.at += 1;
        self.blanks();
        if self.take(b'}') {
            return Some(&[]);
        }
        let before = self.members.len();
        loop {
            let name = self.name()?;
            match wanted(want, name) {
                Some(want) => {
                    self.value(want, depth, |parser, value| parser.members.push((name, value)))?;
                }
                None => self.skip(depth)?,
            }
            if self.ends(b'}')? {
                break;
            }
        }
        let members = self.members.get_mut(before..)?;
        let length = sort(members);
        let object = self.arena.alloc_slice_copy(members.get(..length)?);
        self.members.truncate(before);
        Some(object)
    }

    /// A member's name, with the colon behind it.
    #[inline]
    fn name(&mut self) -> Option<&'a str> {
        if self.peek() != b'"' {
            return None;
        }
        let name = self.string()?;
        self.colon()?;
        Some(name)
    }

    #[inline]
    fn colon(&mut self) -> Option<()> {
        self.blanks();
        if !self.take(b':') {
            return None;
        }
        // Nearly always one blank follows, or none.
        self.at += usize::from(self.peek() == b' ');
        self.blanks();
        Some(())
    }

    /// What follows an element: the end, or a comma and the next one.
    #[inline]
    fn ends(&mut self, end: u8) -> Option<bool> {
        self.blanks();
        if self.take(b',') {
            self.blanks();
            return Some(false);
        }
        self.take(end).then_some(true)
    }

    #[inline]
    fn string(&mut self) -> Option<&'a str> {
        let start = self.at + 1;
        let end = end_of_text(self.bytes, start);
        if self.bytes.get(end) == Some(&b'"') {
            self.at = end + 1;
            return self.text.get(start..end);
        }
        self.at = end;
        self.rest_of_string()?;
        unescape(self.text.get(start..self.at - 1)?, self.arena)
    }

    /// Goes behind the closing quote of a text that has escapes.
    fn rest_of_string(&mut self) -> Option<()> {
        loop {
            match self.bytes.get(self.at)? {
                b'"' => {
                    self.at += 1;
                    return Some(());
                }
                b'\\' => self.at = end_of_text(self.bytes, self.at + 2),
                _ => return None,
            }
        }
    }

    #[inline]
    fn skip_string(&mut self) -> Option<()> {
        let start = self.at + 1;
        let end = end_of_text(self.bytes, start);
        if self.bytes.get(end) == Some(&b'"') {
            self.at = end + 1;
            return Some(());
        }
        self.at = end;
        self.rest_of_string()?;
        is_escaped(self.text.get(start..self.at - 1)?).then_some(())
    }

    fn number(&mut self) -> Option<Number> {
        let start = self.at;
        let negative = self.take(b'-');
        let digits = self.digits();
        let (first, second) = (digits.first(), digits.get(1));
        let more = matches!(self.peek(), b'.' | b'e' | b'E');
        let leading_zero = first == Some(&b'0') && (second.is_some() || negative);
        if first.is_some() && !more && !leading_zero && digits.len() <= MAX_DIGITS {
            let fold = |whole: u64, digit: &u8| whole * 10 + u64::from(digit - b'0');
            let whole = digits.iter().fold(0, fold);
            return Some(match i64::try_from(whole) {
                Ok(whole) if negative => Number::Negative(-whole),
                _ => Number::Whole(whole),
            });
        }
        let is_part = |b: &u8| matches!(b, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-');
        self.at += self.bytes.get(self.at..)?.iter().take_while(|b| is_part(b)).count();
        let number = serde_json::from_str(self.text.get(start..self.at)?).ok()?;
        Some(Number::of(&number))
    }

    #[inline]
    fn digits(&mut self) -> &'a [u8] {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let length = rest.iter().take_while(|b| b.is_ascii_digit()).count();
        self.at += length;
        rest.get(..length).unwrap_or_default()
    }

    /// Goes over a value that nobody wants.
    fn skip(&mut self, mut depth: usize) -> Option<()> {
        let outside = depth;
        // Of each container that is open, the innermost lowest: whether it is an object.
        let mut objects: u128 = 0;
        loop {
            match self.peek() {
                b'"' => self.skip_string()?,
                open @ (b'{' | b'[') => {
                    let is_object = open == b'{';
                    self.at += 1;
                    self.blanks();
                    if !self.take(if is_object { b'}' } else { b']' }) {
                        if depth >= MAX_DEPTH {
                            return None;
                        }
                        depth += 1;
                        objects = objects << 1 | u128::from(is_object);
                        if is_object {
                            self.skip_name()?;
                        }
                        continue;
                    }
                    if depth >= MAX_DEPTH {
                        return None;
                    }
                }
                b'n' => self.word("null")?,
                b't' => self.word("true")?,
                b'f' => self.word("false")?,
                _ => {
                    self.number()?;
                }
            }
            // Behind a value: close what ends here, then go to the next one.
            loop {
                if depth == outside {
                    return Some(());
                }
                let is_object = objects & 1 == 1;
                if !self.ends(if is_object { b'}' } else { b']' })? {
                    if is_object {
                        self.skip_name()?;
                    }
                    break;
                }
                depth -= 1;
                objects >>= 1;
            }
        }
    }

    #[inline]
    fn skip_name(&mut self) -> Option<()> {
        if self.peek() != b'"' {
            return None;
        }
        self.skip_string()?;
        self.colon()
    }
}

/// How a member is wanted, if it is.
#[inline]
fn wanted<'w>(want: Want<'w>, name: &str) -> Option<Want<'w>> {
    // Most names differ in their lengths already, so that going along the list is fastest.
    let among = |members: &'w [(&'w str, Want<'w>)]| {
        members.iter().find(|(known, _)| is_same(known, name)).map(|(_, want)| *want)
    };
    match want {
        Want::All => Some(Want::All),
        Want::Only(members) => among(members),
        Want::Fields(_) if name.starts_with(CUSTOM) => Some(Want::All),
        Want::Fields(members) => among(members),
    }
}

/// Whether a name comes before the next one, which its first letter mostly tells.
#[inline]
fn is_before(one: &str, next: &str) -> bool {
    match (one.as_bytes().first(), next.as_bytes().first()) {
        (Some(first), Some(other)) if first != other => first < other,
        _ => one < next,
    }
}

/// Puts members in the order of their names, of several of one name only the last, and answers
/// how many are left.
fn sort(members: &mut [Member<'_>]) -> usize {
    if members.is_sorted_by(|(one, _), (next, _)| is_before(one, next)) {
        return members.len();
    }
    members.sort_by_key(|(name, _)| *name);
    let mut kept = 0;
    for at in 0..members.len() {
        let Some(&member) = members.get(at) else { break };
        let repeats = members.get(at + 1).is_some_and(|(next, _)| *next == member.0);
        if !repeats && let Some(place) = members.get_mut(kept) {
            *place = member;
            kept += 1;
        }
    }
    kept
}
