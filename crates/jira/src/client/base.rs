//! Where Jira is: the site itself, or Atlassian's gateway for scoped tokens.
//!
//! Promises: whatever is appended, the scheme, host and port of a URL are those that were configured.
//! Credentials travel over plain HTTP only within this machine.

use std::fmt;

use url::{Host, Url};

/// Why a text is no base URL. The text itself is not repeated: people paste credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a usable Jira address: {0}")]
pub struct BadBaseUrl(&'static str);

/// The prefix of every URL that is asked.
#[derive(Clone, PartialEq, Eq)]
pub struct BaseUrl {
    /// Scheme, host and port; no path, query or user.
    origin: Url,
    /// Behind the gateway, the cloud id of the site.
    cloud_id: Option<Box<str>>,
}

impl BaseUrl {
    /// A site: `x.atlassian.net`, `https://x.atlassian.net`, or, for a simulator or a proxy on this
    /// machine, `http://127.0.0.1:8080`.
    pub fn site(text: &str) -> Result<Self, BadBaseUrl> {
        Ok(Self { origin: origin(text)?, cloud_id: None })
    }

    /// A site behind the gateway (`https://api.atlassian.com`), where scoped tokens work.
    pub fn gateway(text: &str, cloud_id: &str) -> Result<Self, BadBaseUrl> {
        let origin = origin(text)?;
        let good = (8..=64).contains(&cloud_id.len())
            && cloud_id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if !good {
            return Err(BadBaseUrl("a cloud id is 8 to 64 letters, digits and hyphens"));
        }
        Ok(Self { origin, cloud_id: Some(cloud_id.into()) })
    }

    /// Whether requests stay on this machine.
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.origin)
    }

    /// The URL of an API call; every segment is encoded as one segment.
    pub(super) fn api(&self, segments: &[&str]) -> Url {
        let prefix: &[&str] = match &self.cloud_id {
            Some(id) => &["ex", "jira", id],
            None => &[],
        };
        self.at(&[prefix, segments].concat())
    }

    /// The URL of a call to the customer service API, which only the gateway has.
    pub(super) fn customer_service(&self, segments: &[&str]) -> Option<Url> {
        let id = self.cloud_id.as_deref()?;
        Some(self.at(&[&["jsm", "csm", "cloudid", id, "api", "v1"], segments].concat()))
    }

    /// Whether this is the gateway.
    pub fn is_gateway(&self) -> bool {
        self.cloud_id.is_some()
    }

    /// The URL of a path that belongs to the host itself, not to the site behind the gateway.
    pub(super) fn host(&self, segments: &[&str]) -> Url {
        self.at(segments)
    }

    fn at(&self, segments: &[&str]) -> Url {
        let mut url = self.origin.clone();
        // Only URLs that cannot have a path are refused here; http and https always can.
        if let Ok(mut path) = url.path_segments_mut() {
            path.clear().extend(segments);
        }
        url
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.api(&[]).as_str().trim_end_matches('/'))
    }
}

impl fmt::Debug for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BaseUrl({self})")
    }
}

pub(super) fn origin(text: &str) -> Result<Url, BadBaseUrl> {
    // The parser would drop blanks and line ends, read `\` as `/` and forget an empty user.
    if !text.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(BadBaseUrl("only visible ASCII characters are allowed"));
    }
    if text.contains(['@', '\\']) {
        return Err(BadBaseUrl("no user, password or backslash belongs into it"));
    }
    let whole = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
    let url = Url::parse(&whole).map_err(|_| BadBaseUrl("it is not a URL"))?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err(BadBaseUrl("no query or fragment belongs into it"));
    }
    if url.path() != "/" {
        // A path that does not exist answers 404, which elsewhere means "deleted".
        return Err(BadBaseUrl("no path belongs into it, only scheme and host"));
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        "http" => Err(BadBaseUrl("plain http is allowed only for this machine: use https")),
        _ => Err(BadBaseUrl("the scheme must be https")),
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLOUD_ID: &str = "11111111-2222-3333-4444-555555555555";

    #[test]
    fn a_site_is_a_scheme_and_a_host() {
        let check = |text: &str, shown: &str| {
            assert_eq!(BaseUrl::site(text).map(|base| base.to_string()).as_deref(), Ok(shown));
        };
        check("x.atlassian.net", "https://x.atlassian.net");
        check("https://x.atlassian.net/", "https://x.atlassian.net");
        check("HTTPS://X.Atlassian.Net", "https://x.atlassian.net");
        check("http://127.0.0.1:8080", "http://127.0.0.1:8080");
        check("http://localhost:8080", "http://localhost:8080");
        check("http://[::1]:8080", "http://[::1]:8080");
        check("https://proxy.example.com:8443", "https://proxy.example.com:8443");
    }

    #[test]
    fn anything_else_is_refused() {
        for bad in [
            "",
            " ",
            "https://",
            "http://x.atlassian.net",
            "http://127.0.0.1.evil.example",
            "http://localhost.evil.example",
            "http://10.0.0.1",
            "https://user:secret@x.atlassian.net",
            "https://x.atlassian.net@evil.example",
            "https://@evil.example",
            "x.atlassian.net@evil.example",
            "https://x.atlassian.net\\@evil.example",
            "https://x.atlassian.net/jira",
            "https://x.atlassian.net/?a=b",
            "https://x.atlassian.net?",
            "https://x.atlassian.net/#",
            "ftp://x.atlassian.net",
            "file:///etc/passwd",
            "https://x.atlassian.net\n",
            "https://x.\tatlassian.net",
            "https://х.atlassian.net",
        ] {
            assert!(BaseUrl::site(bad).is_err(), "{bad:?}");
            assert!(BaseUrl::gateway(bad, CLOUD_ID).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_refusal_does_not_repeat_the_text() {
        let error = BaseUrl::site("https://me:hunter2@x.atlassian.net").unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }

    #[test]
    fn a_gateway_prefixes_the_cloud_id() {
        let base = BaseUrl::gateway("https://api.atlassian.com", CLOUD_ID).unwrap();
        let url = base.api(&["rest", "api", "3", "myself"]);
        let whole = format!("https://api.atlassian.com/ex/jira/{CLOUD_ID}/rest/api/3/myself");
        assert_eq!(url.as_str(), whole);
        for bad in ["", "..", "a/b", "1111111", &"a".repeat(65), "11111111\n", "11111111?x"] {
            assert!(BaseUrl::gateway("https://api.atlassian.com", bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_segment_stays_one_segment_of_the_same_host() {
        let base = BaseUrl::site("x.atlassian.net").unwrap();
        let url = base.api(&["rest", "a/b?c#d", "//evil.example", "%2e"]);
        assert_eq!(url.host_str(), Some("x.atlassian.net"));
        assert_eq!(url.path(), "/rest/a%2Fb%3Fc%23d/%2F%2Fevil.example/%252e");
        assert_eq!((url.query(), url.fragment()), (None, None));
    }
}
