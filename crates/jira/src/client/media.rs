//! Where the bytes of attachments may come from.
//!
//! Jira answers with an address on another host. Promises: only an address that begins, letter for
//! letter, with an allowed scheme, host and port is ever used; what was refused is repeated nowhere,
//! and what was accepted is not shown either, because it holds a token.

use reqwest::header::{HeaderMap, LOCATION};
use url::Url;

use super::Error;
use super::base::{BadBaseUrl, origin};
use crate::id::MediaId;

/// The hosts that attachments may be downloaded from, besides Jira itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaHosts {
    /// Scheme, host and port, each with a `/` at its end.
    origins: Vec<Box<str>>,
}

impl MediaHosts {
    /// These hosts, written like a Jira site: plain HTTP is allowed only for this machine.
    pub fn new<'a>(hosts: impl IntoIterator<Item = &'a str>) -> Result<Self, BadBaseUrl> {
        let origins = hosts.into_iter().map(|host| Ok(origin(host)?.as_str().into()));
        Ok(Self { origins: origins.collect::<Result<_, BadBaseUrl>>()? })
    }

    /// The address that Jira names, and the id that the media host knows the file by.
    pub(super) fn locate(&self, headers: &HeaderMap) -> Result<(Url, Option<MediaId>), Error> {
        let elsewhere = Error::Malformed { what: "the attachment is said to be on a foreign host" };
        let mut locations = headers.get_all(LOCATION).iter();
        let (Some(location), None) = (locations.next(), locations.next()) else {
            return Err(Error::Malformed { what: "a redirect needs one address" });
        };
        // The parser would drop tabs and line ends and read `\` as `/`.
        let graphic = location.as_bytes().iter().all(|b| b.is_ascii_graphic() && *b != b'\\');
        let text = location.to_str().ok().filter(|_| graphic);
        let allowed = |text: &&str| self.origins.iter().any(|origin| text.starts_with(&**origin));
        let Some(Ok(url)) = text.filter(allowed).map(Url::parse) else { return Err(elsewhere) };
        let media_id = media_id(&url);
        Ok((url, media_id))
    }
}

/// Atlassian's own.
impl Default for MediaHosts {
    fn default() -> Self {
        Self { origins: vec!["https://api.media.atlassian.com/".into()] }
    }
}

/// Of `/file/<id>/binary`.
fn media_id(url: &Url) -> Option<MediaId> {
    let mut path = url.path().strip_prefix("/file/")?.split('/');
    let (id, rest) = (path.next()?, path.next());
    id.parse().ok().filter(|_| rest == Some("binary") && path.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderValue;

    const ID: &str = "0b5c7a2e-1111-4222-8333-abcdefabcdef";

    fn locate(hosts: &MediaHosts, location: &str) -> Result<(Url, Option<MediaId>), Error> {
        let value = HeaderValue::from_bytes(location.as_bytes()).unwrap();
        hosts.locate(&HeaderMap::from_iter([(LOCATION, value)]))
    }

    #[test]
    fn an_address_on_the_media_host_names_the_file() {
        let hosts = MediaHosts::default();
        let check = |rest: &str, id: Option<&str>| {
            let text = format!("https://api.media.atlassian.com{rest}");
            let (url, media_id) = locate(&hosts, &text).unwrap();
            assert_eq!(url.as_str(), text);
            assert_eq!(media_id.map(|id| id.to_string()).as_deref(), id, "{rest}");
        };
        check(&format!("/file/{ID}/binary?token=a.b-c&client=x&dl=true&name=a@2x.png"), Some(ID));
        check(&format!("/file/{}/binary", ID.to_uppercase()), Some(ID));
        // Another path is still a file; only its id is not known.
        check(&format!("/file/{ID}/artifact/binary"), None);
        check(&format!("/file/{ID}/binary/x"), None);
        check("/file/0b5c7a2e/binary", None);
        check("/", None);
    }

    #[test]
    fn any_other_address_is_refused() {
        let hosts = MediaHosts::default();
        let path = format!("file/{ID}/binary");
        for start in [
            "https://api.media.atlassian.com@evil.example/",
            "https://api.media.atlassian.com:pw@evil.example/",
            "https://user@api.media.atlassian.com/",
            "https://@api.media.atlassian.com/",
            "https://api.media.atlassian.com.evil.example/",
            "https://evil.example/api.media.atlassian.com/",
            "https://evil.example/?https://api.media.atlassian.com/",
            "https://evil.example#https://api.media.atlassian.com/",
            "https://api.media.atlassian.com:8443/",
            "https://api.media.atlassian.com:443/",
            "https://api.media.atlassian.com\\@evil.example/",
            "https:\\\\api.media.atlassian.com/",
            "https://api.media.atlassian.com\t.evil.example/",
            "https://api.media.atlassian.com/\t",
            "https://api.media.atlassian.com/\u{e9}",
            "https://api.media.atlassian.com/ ",
            " https://api.media.atlassian.com/",
            "https://api.media.atlassian.com",
            "https://api.media.atlassian.com?/",
            "http://api.media.atlassian.com/",
            "HTTPS://api.media.atlassian.com/",
            "https://API.media.atlassian.com/",
            "//api.media.atlassian.com/",
            "https:api.media.atlassian.com/",
            "file:///",
            "file://api.media.atlassian.com/",
            "data:text/plain,",
            "http://127.0.0.1/",
            "http://169.254.169.254/",
            "/",
            "",
        ] {
            let error = locate(&hosts, &format!("{start}{path}")).map(|_| start).unwrap_err();
            assert!(matches!(error, Error::Malformed { .. }), "{start}: {error:?}");
            let shown = format!("{error} {error:?}");
            assert!(!shown.contains("evil") && !shown.contains(ID), "{shown}");
        }
    }

    #[test]
    fn a_redirect_has_exactly_one_address() {
        let hosts = MediaHosts::default();
        assert!(hosts.locate(&HeaderMap::new()).is_err());
        let one = HeaderValue::from_static("https://api.media.atlassian.com/a");
        let mut two = HeaderMap::from_iter([(LOCATION, one.clone())]);
        assert!(hosts.locate(&two).is_ok());
        two.append(LOCATION, one);
        assert!(hosts.locate(&two).is_err());
    }

    #[test]
    fn only_this_machine_may_be_asked_without_tls() {
        let hosts = MediaHosts::new(["http://127.0.0.1:808", "media.example.com"]).unwrap();
        assert!(locate(&hosts, "http://127.0.0.1:808/file/x/binary").is_ok());
        assert!(locate(&hosts, "https://media.example.com/file/x/binary").is_ok());
        assert!(locate(&hosts, "http://127.0.0.1:8080/file/x/binary").is_err());
        assert!(locate(&hosts, "https://api.media.atlassian.com/file/x/binary").is_err());
        for bad in ["http://media.example.com", "file:///", "https://a@b.example", ""] {
            assert!(MediaHosts::new([bad]).is_err(), "{bad}");
        }
    }
}
