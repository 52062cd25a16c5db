//! Credentials in URLs, taken out.
//!
//! People paste links that let whoever holds them in: signed downloads, invitations, sign-in
//! redirects. The values of parameters that carry credentials, and the passwords before a host,
//! become [`REDACTED`]; every other byte stays. Text outside URLs is never touched, also when it
//! looks like a parameter. When it is unclear where a credential ends, the longer reading wins: a
//! lost word costs less than a leaked secret. Time is linear in the text.

use std::borrow::Cow;
use std::ops::Range;

use memchr::memchr3_iter;

/// What stands in the place of a credential.
pub const REDACTED: &str = "REDACTED";

/// Names that are credentials only as a whole: `country_code` and `project_key` are none.
const WHOLE_NAMES: &[&str] = &["code", "key", "pin", "otp"];

/// Names that are credentials when they are the last word of a name, `x-sig`, but not as the end
/// of a longer word: `compass` is none.
const LAST_WORDS: &[&str] = &["auth", "authorization", "bearer", "hmac", "oauth", "pass", "sig"];

/// Endings that make any name a credential, with the separators left out: `X-Amz-Signature`,
/// `clientSecret`, `api_key`.
const ENDINGS: &str = "accesskey accountkey apikey appkey assertion authcode authkey authorizationcode credential \
    credentials devicecode encryptionkey jsessionid jwt masterkey passphrase passwd password \
    phpsessid privatekey pwd samlresponse secret secretkey sharedkey signature signingkey \
    subscriptionkey token verifier";

/// Replaces the credentials in all URLs of a text: absolute ones of any scheme, and references
/// that start a word with `/` or `?`.
pub fn urls(text: &str) -> Cow<'_, str> {
    let mut edit = Edit::new(text);
    let mut from = 0;
    while let Some(start) = next_url(text, from) {
        let end = end_of_url(text, start);
        Scan { text, end, reading: Reading::InText }.clean(start, &mut edit);
        from = end.max(start + 1);
    }
    edit.finish()
}

/// Replaces the credentials in a text that is one URL as a whole, with or without scheme.
pub(crate) fn url(url: &str) -> Cow<'_, str> {
    let mut edit = Edit::new(url);
    Scan { text: url, end: url.len(), reading: Reading::Whole }.clean(0, &mut edit);
    edit.finish()
}

/// Where the next URL after `from` starts: at the `:` of its `://`, or at its first character.
fn next_url(text: &str, from: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let rest = bytes.get(from..)?;
    let found = memchr3_iter(b':', b'/', b'?', rest).find(|offset| {
        let before = (from + offset).checked_sub(1).and_then(|at| bytes.get(at));
        match rest.get(*offset..) {
            Some([b':', tail @ ..]) => {
                tail.starts_with(b"//") && before.is_some_and(u8::is_ascii_alphanumeric)
            }
            _ => before.is_none_or(|byte| starts_word(*byte)),
        }
    })?;
    Some(from + found)
}

fn starts_word(before: u8) -> bool {
    before.is_ascii_whitespace() || b"\"'`([{<>|=,".contains(&before)
}

/// The end of the URL in running text. A bracket or quote before the URL ends it where it closes.
fn end_of_url(text: &str, start: usize) -> usize {
    let opener = opener_before(text, start);
    let closer = match opener {
        Some('(') => Some(')'),
        Some('[') => Some(']'),
        Some('{') => Some('}'),
        Some('\'') => Some('\''),
        _ => None,
    };
    let mut open = 0_usize;
    let rest = text.get(start..).unwrap_or_default();
    for (offset, letter) in rest.char_indices() {
        let closes = Some(letter) == closer && open == 0;
        if closes || ends_url(letter) {
            return start + offset;
        }
        if Some(letter) == closer {
            open -= 1;
        } else if Some(letter) == opener {
            open += 1;
        }
    }
    text.len()
}

/// The character before the scheme of the URL whose `:` is at `start`.
fn opener_before(text: &str, start: usize) -> Option<char> {
    let scheme = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '+' | '-' | '.');
    text.get(..start)?.chars().rev().find(|letter| !scheme(*letter))
}

/// Whether a character cannot be inside a URL that someone wrote into a text. Typographic and
/// full-width punctuation ends a URL, since scripts without spaces put it right behind one.
fn ends_url(letter: char) -> bool {
    letter.is_whitespace()
        || letter.is_control()
        || matches!(letter, '"' | '<' | '>' | '`' | '\\' | '|' | '«' | '»')
        || matches!(letter, '\u{2000}'..='\u{206f}' | '\u{3000}'..='\u{303f}')
        || matches!(letter, '\u{ff00}'..='\u{ff0f}' | '\u{ff1a}'..='\u{ff20}')
        || matches!(letter, '\u{ff3b}'..='\u{ff40}' | '\u{ff5b}'..='\u{ff65}')
}

/// How far a credential at the end of a URL reaches.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// The punctuation of the sentence, and the letters of scripts that are written without
    /// spaces, are not part of it.
    InText,
    /// To the very end.
    Whole,
}

/// One URL: `text` up to `end`.
struct Scan<'a> {
    text: &'a str,
    end: usize,
    reading: Reading,
}

impl<'a> Scan<'a> {
    fn clean(&self, start: usize, edit: &mut Edit<'a>) {
        let mut at = start;
        if self.rest(at).starts_with(b"//") {
            at = self.host(at + 2, edit);
        }
        while let Some(byte) = self.rest(at).first() {
            at = match byte {
                b':' if self.rest(at).starts_with(b"://") => self.host(at + 3, edit),
                _ => match separator(self.rest(at)) {
                    Some(width) => self.parameter(at + width, edit),
                    None => at + 1,
                },
            };
        }
    }

    fn rest(&self, at: usize) -> &'a [u8] {
        self.text.as_bytes().get(at..self.end).unwrap_or_default()
    }

    /// Takes the password out of `user:password@host`; answers where to read on.
    fn host(&self, start: usize, edit: &mut Edit<'a>) -> usize {
        let rest = self.rest(start);
        let length = rest.iter().position(|byte| b"/?#".contains(byte)).unwrap_or(rest.len());
        let authority = rest.get(..length).unwrap_or_default();
        let Some(at_sign) = authority.iter().rposition(|byte| *byte == b'@') else {
            return start;
        };
        if let Some(colon) = authority.iter().take(at_sign).position(|byte| *byte == b':') {
            edit.redact(start + colon + 1..start + at_sign);
        }
        start + at_sign
    }

    /// Takes the value out of `name=value` if the name says so; answers where to read on.
    fn parameter(&self, start: usize, edit: &mut Edit<'a>) -> usize {
        let rest = self.rest(start);
        let ends_name = |at: &usize| {
            let tail = rest.get(*at..).unwrap_or_default();
            tail.starts_with(b"/") || equals(tail).is_some() || separator(tail).is_some()
        };
        let length = (0..rest.len()).find(ends_name).unwrap_or(rest.len());
        let name = self.text.get(start..start + length).unwrap_or_default();
        let Some(width) = equals(self.rest(start + length)) else {
            return start + length;
        };
        let value = start + length + width;
        if !is_credential(name) {
            return value;
        }
        let end = self.end_of_value(value, width);
        edit.redact(value..end);
        end
    }

    /// A value ends at the next parameter; inside an encoded URL (`%3D` was its equals sign, so
    /// `width` is 3) also at an encoded one.
    fn end_of_value(&self, start: usize, width: usize) -> usize {
        let rest = self.rest(start);
        let ends = |tail: &[u8]| {
            matches!(tail.first(), Some(b'&' | b'#'))
                || (width > 1 && (encoded(tail, b"26") || encoded(tail, b"23")))
        };
        // The first of both: whoever reads on to the next parameter each time reads a text without
        // any once for each of its credentials.
        let stops = |at: &usize| {
            let tail = rest.get(*at..).unwrap_or_default();
            ends(tail) || (self.reading == Reading::InText && is_unspaced(tail))
        };
        let length = (0..rest.len()).find(stops).unwrap_or(rest.len());
        let end = start + length;
        if self.reading == Reading::Whole || rest.get(length..).is_some_and(ends) {
            return end;
        }
        let value = self.text.get(start..end).unwrap_or_default();
        let sentence = ['.', ',', ';', ':', '!', '?', ')', ']', '}', '\'', '*'];
        start + value.trim_end_matches(sentence).len()
    }
}

/// Whether the text starts with a letter of a script that is written without spaces: one from U+2E80
/// on, whose first byte no other letter has.
fn is_unspaced(tail: &[u8]) -> bool {
    matches!(tail, [0xe2, 0xba..=0xff, ..] | [0xe3..=0xff, ..])
}

/// The width of what separates parameters, plain or percent-encoded, if the text starts with it.
fn separator(tail: &[u8]) -> Option<usize> {
    match tail.first() {
        Some(b'?' | b'&' | b'#' | b';') => Some(1),
        Some(b'%') if [b"3F", b"26", b"23"].iter().any(|code| encoded(tail, code)) => Some(3),
        _ => None,
    }
}

/// The width of an equals sign, plain or percent-encoded, if the text starts with it.
fn equals(tail: &[u8]) -> Option<usize> {
    match tail.first() {
        Some(b'=') => Some(1),
        Some(b'%') if encoded(tail, b"3D") => Some(3),
        _ => None,
    }
}

fn encoded(tail: &[u8], code: &[u8; 2]) -> bool {
    tail.first() == Some(&b'%') && tail.get(1..3).is_some_and(|hex| hex.eq_ignore_ascii_case(code))
}

fn is_credential(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace("%5b", "[").replace("%5d", "]");
    let mut words = name.rsplit(|letter: char| !letter.is_ascii_alphanumeric());
    let last = words.find(|word| !word.is_empty()).unwrap_or_default();
    let joined: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    WHOLE_NAMES.contains(&joined.as_str())
        || LAST_WORDS.contains(&last)
        || ENDINGS.split(' ').any(|ending| joined.ends_with(ending))
}

/// A text with some ranges replaced; copies only when there are any.
struct Edit<'a> {
    text: &'a str,
    out: String,
    copied: usize,
}

impl<'a> Edit<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, out: String::new(), copied: 0 }
    }

    /// Ranges come in order and do not overlap. An empty value hides nothing and stays.
    fn redact(&mut self, range: Range<usize>) {
        let value = self.text.get(range.clone()).unwrap_or_default();
        if value.is_empty() || value == REDACTED {
            return;
        }
        self.out.push_str(self.text.get(self.copied..range.start).unwrap_or_default());
        self.out.push_str(REDACTED);
        self.copied = range.end;
    }

    fn finish(mut self) -> Cow<'a, str> {
        if self.copied == 0 {
            return Cow::Borrowed(self.text);
        }
        self.out.push_str(self.text.get(self.copied..).unwrap_or_default());
        Cow::Owned(self.out)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, proptest};

    use super::{Cow, url, urls};

    fn check(text: &str, expected: &str) {
        assert_eq!(urls(text), expected, "{text}");
    }

    fn unchanged(text: &str) {
        assert!(matches!(urls(text), Cow::Borrowed(_)), "{text} became {}", urls(text));
    }

    #[test]
    fn credentials_in_parameters_are_replaced() {
        let names = "token access_token id_token jwt JWT signature sig X-Amz-Signature \
            X-Amz-Security-Token X-Amz-Credential X-Goog-Signature secret client_secret \
            clientSecret password pwd passwd key api_key apikey apiKey x-api-key code auth \
            x_auth oauth_verifier SAMLResponse otp hmac Ocp-Apim-Subscription-Key \
            user[password] user%5Bpassword%5D refresh_token";
        for name in names.split(' ') {
            check(
                &format!("see https://a.example/p?x=1&{name}=s3cr3t%2B/=&y=2, then"),
                &format!("see https://a.example/p?x=1&{name}=REDACTED&y=2, then"),
            );
            check(
                &format!("https://a.example/cb#{name}=s3cr3t&y=2"),
                &format!("https://a.example/cb#{name}=REDACTED&y=2"),
            );
        }
    }

    #[test]
    fn other_parameters_stay() {
        unchanged("https://a.example/?country_code=DE&sort_key=a&project_key=AB&keys=1&tokens=9");
        unchanged("https://a.example/?compass=n&author=me&design=x&passage=2&codec=h264&keyword=k");
        unchanged("https://a.example/token=abc/code=def");
        unchanged("https://a.example/?token=&key&code");
        unchanged("https://user@a.example:8080/x?y=me@a.example:80");
        unchanged("https://a.example/?token=REDACTED&x=1");
    }

    #[test]
    fn text_outside_urls_stays() {
        unchanged("password=hunter2 token=abc, key = value; code=7");
        unchanged("what?token=abc a&key=b c#code=d user:pass@host a:b//c");
        unchanged("Is it so? yes / no ?");
        unchanged("");
    }

    #[test]
    fn passwords_before_a_host_are_replaced() {
        check("https://ann:pw@a.example/x", "https://ann:REDACTED@a.example/x");
        check("HTTP://ann:p@w:1@a.example", "HTTP://ann:REDACTED@a.example");
        check("ftp://:pw@a.example?key=1", "ftp://:REDACTED@a.example?key=REDACTED");
        check("postgres://ann:pw@db:5432/x", "postgres://ann:REDACTED@db:5432/x");
        check("see //ann:pw@a.example", "see //ann:REDACTED@a.example");
        check(
            "https://p.example/https://a:b@c.example",
            "https://p.example/https://a:REDACTED@c.example",
        );
    }

    #[test]
    fn relative_references_are_urls_too() {
        check("/secure/a?token=abc&x=1", "/secure/a?token=REDACTED&x=1");
        check("go to ?jwt=a.b.c now", "go to ?jwt=REDACTED now");
        check("href=\"/a?sig=b\"", "href=\"/a?sig=REDACTED\"");
    }

    #[test]
    fn urls_inside_urls_are_cleaned() {
        check(
            "https://a.example/?to=https%3A%2F%2Fb.example%3Ftoken%3Dabc%26x%3D1&y=2",
            "https://a.example/?to=https%3A%2F%2Fb.example%3Ftoken%3DREDACTED%26x%3D1&y=2",
        );
        check(
            "https://a.example/?to=https://b.example?x=1&amp;token=abc",
            "https://a.example/?to=https://b.example?x=1&amp;token=REDACTED",
        );
        check(
            "https://a.example/#/route?code=1#key=2",
            "https://a.example/#/route?code=REDACTED#key=REDACTED",
        );
    }

    #[test]
    fn the_sentence_around_a_url_stays() {
        check("(https://a.example/?key=abc)def", "(https://a.example/?key=REDACTED)def");
        check("(https://a.example/w_(x)?key=abc), b", "(https://a.example/w_(x)?key=REDACTED), b");
        check("[t|https://a.example/?key=abc|card]", "[t|https://a.example/?key=REDACTED|card]");
        check("'https://a.example/?key=abc','b'", "'https://a.example/?key=REDACTED','b'");
        check(
            "{\"u\":\"https://a.example/?key=abc\",\"b\":1}",
            "{\"u\":\"https://a.example/?key=REDACTED\",\"b\":1}",
        );
        check("at https://a.example/?key=abc.", "at https://a.example/?key=REDACTED.");
        check("https://a.example/?key=abc。次", "https://a.example/?key=REDACTED。次");
        check("https://a.example/?key=abcを確認", "https://a.example/?key=REDACTEDを確認");
        check("https://a.example/é?key=pässword x", "https://a.example/é?key=REDACTED x");
        check(
            "https://a.example/?key=a\nhttps://b.example/?key=b",
            "https://a.example/?key=REDACTED\nhttps://b.example/?key=REDACTED",
        );
    }

    #[test]
    fn a_whole_url_is_read_to_its_end() {
        assert_eq!(url("a.example/?token=a)b c."), "a.example/?token=REDACTED");
        assert_eq!(url("https://u:p@a.example/?x=1"), "https://u:REDACTED@a.example/?x=1");
        assert_eq!(url("?token=次"), "?token=REDACTED");
        assert!(matches!(url("https://a.example/?x=1"), Cow::Borrowed(_)));
    }

    /// A quadratic scan of these would not come to an end.
    #[test]
    fn time_is_linear() {
        for part in [
            "https://",
            "?token=",
            "://a",
            "&",
            "(",
            "%3F",
            "a:b@",
            "https://a?",
            "/ ?",
            "=;",
            // A value that ends before the next parameter, of which there is none.
            "?key=あ",
            ";key=次 ",
            "?key=.あ",
        ] {
            let text = part.repeat(4_000_000 / part.len());
            assert!(urls(&text).len() <= 3 * text.len(), "{part}");
            let url_text = format!("https://a.example/{text}");
            assert!(url(&url_text).len() <= 3 * url_text.len(), "{part}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in any::<String>()) {
            urls(&text);
            url(&text);
        }

        /// Where a host ends with a slash. (`https://&token=/&a:b@` has none, so that its first
        /// cleaning moves the place where its host ends, and a second one may take more.)
        #[test]
        fn cleaning_what_is_clean_changes_nothing(
            text in "(https?://h/|https?://a:b@h/|/p|\\?|&|token=|x=|a:b@|[a-c]|é|次| |#|%3D|%26|;|\\.){0,30}"
        ) {
            let once = urls(&text).into_owned();
            assert_eq!(urls(&once), once);
        }

        #[test]
        fn a_secret_never_survives(
            before in "[a-z (\\['é次]{0,10}",
            name in "(x=1&|[?]|a[?]b=c#)(token|API_KEY|x-sig|password)",
            secret in "S3CR3T[a-zA-Z0-9+/=_.%~-]{0,20}",
            after in "(&x=1|#f|\\)| |,|。|\"| x)?[a-z ]{0,5}",
        ) {
            let text = format!("{before} https://h.example/?{name}={secret}{after}");
            let clean = urls(&text).into_owned();
            assert!(!clean.contains("S3CR3T"), "{clean}");
            assert!(clean.contains("REDACTED"), "{clean}");
        }
    }
}
