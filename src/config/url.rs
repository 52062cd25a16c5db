//! URLs in settings. People paste them with credentials: a user and password before the host, a token
//! in the query.
//!
//! What is shown of a setting MUST NOT contain them. [`UrlSetting`] is the type of every setting that is
//! a URL: only [`UrlSetting::expose`] returns it whole.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

/// A URL as it was written, which may be none. Shown without credentials.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub(crate) struct UrlSetting(String);

impl UrlSetting {
    /// Returns the whole text, for use and never for output.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for UrlSetting {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Display for UrlSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&without_credentials(&self.0))
    }
}

impl fmt::Debug for UrlSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", without_credentials(&self.0))
    }
}

impl Serialize for UrlSetting {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Returns a URL without what stands before its host's `@`, and without query and fragment.
///
/// No parser decides where the host begins: parsers differ, and what none of them accepts is shown, too.
pub(crate) fn without_credentials(url: &str) -> Cow<'_, str> {
    let (before, address) = match url.rsplit_once('@') {
        // A password with a `?`, or a query with an `@`: the host may be on either side.
        Some((before, _)) if before.contains(['?', '#']) => {
            return Cow::Owned(format!("{}…", scheme(before)));
        }
        Some((before, address)) => (format!("{}…@", scheme(before)), address),
        None => (String::new(), url),
    };
    match address.split_once(['?', '#']) {
        Some((address, _)) => Cow::Owned(format!("{before}{address}?…")),
        None if before.is_empty() => Cow::Borrowed(url),
        None => Cow::Owned(before + address),
    }
}

/// Returns any setting's text as it may be shown: whole, unless it looks like an address with a password.
pub(crate) fn shown(text: &str) -> Cow<'_, str> {
    let has_password = text.rsplit_once('@').is_some_and(|(before, _)| before.contains(':'));
    if has_password || is_url(text) { without_credentials(text) } else { Cow::Borrowed(text) }
}

/// Returns a message in which those of the texts that it repeats have no credentials.
pub(crate) fn redacted<'t>(message: String, texts: impl IntoIterator<Item = &'t str>) -> String {
    texts.into_iter().fold(message, |message, text| match shown(text) {
        Cow::Owned(shown) => message.replace(text, &shown),
        Cow::Borrowed(_) => message,
    })
}

/// Whether a text that is no URL setting holds a URL with something to hide.
pub(crate) fn hides_something(text: &str) -> bool {
    is_url(text) && text.contains(['@', '?', '#'])
}

/// Whether a text is a URL to some parser: several read `https:/host` and `https:\\host` as one.
fn is_url(text: &str) -> bool {
    let has_scheme = text.trim_start().split_once(':').is_some_and(|(scheme, rest)| {
        scheme.len() >= 2
            && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
            && rest.starts_with(['/', '\\'])
    });
    has_scheme || text.contains("://")
}

fn scheme(text: &str) -> String {
    let found = text.split_once("://").map(|(scheme, _)| scheme.trim_start());
    let found = found.filter(|scheme| scheme.bytes().all(|b| b.is_ascii_alphanumeric()));
    found.map_or_else(String::new, |scheme| format!("{scheme}://"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, wanted: &str) {
        let url = UrlSetting::from(text.to_owned());
        assert_eq!(url.to_string(), wanted);
        assert_eq!(format!("{url:?}"), format!("{wanted:?}"));
        assert_eq!(serde_json::to_value(&url).unwrap(), wanted);
        assert_eq!(url.expose(), text);
    }

    #[test]
    fn what_is_no_credential_is_shown_as_it_is() {
        for text in ["", "https://jira.example.com/", "http://127.0.0.1:8080", "x.atlassian.net"] {
            check(text, text);
        }
        for text in ["", "me@example.com", "/srv/data", "SUPPORT", "info,jira=debug", "a: b"] {
            assert_eq!(shown(text), text);
            assert!(!hides_something(text), "{text}");
        }
    }

    #[test]
    fn credentials_are_not_shown() {
        check("https://user:secret@jira.example.com/", "https://…@jira.example.com/");
        check("https://secret@jira.example.com", "https://…@jira.example.com");
        check("https://a:sec@ret/@jira.example.com", "https://…@jira.example.com");
        check("user:secret@jira.example.com", "…@jira.example.com");
        check("https://jira.example.com/x?token=secret", "https://jira.example.com/x?…");
        check("https://jira.example.com/#secret", "https://jira.example.com/?…");
        check("https://u:p?secret@jira.example.com/", "https://…");
        check("https://jira.example.com/?mail=me@example.com&token=secret", "https://…");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn nothing_before_the_host_and_nothing_of_a_query_is_ever_shown(
            scheme in "(https?://|HTTPS:/|ftp:\\\\\\\\|wss://)",
            user in "[a-z%/?#:@]{0,8}",
            password in "[a-zA-Z0-9%/:@-]{0,8}",
            in_query in any::<bool>(),
        ) {
            let text = if in_query {
                format!("{scheme}example.com/?{user}=MARKER{password}")
            } else {
                format!("{scheme}{user}:{password}MARKER@example.com/")
            };
            prop_assert!(!without_credentials(&text).contains("MARKER"), "{}", text);
            prop_assert!(!shown(&text).contains("MARKER"), "{}", text);
            prop_assert!(hides_something(&text), "{}", text);
        }
    }
}
