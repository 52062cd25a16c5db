//! What can go wrong with the simulator itself.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why the simulator could not do something.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No address could be listened on.
    #[error("cannot listen on {addr}")]
    Listen {
        /// The address that was asked for.
        addr: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// The HTTP client that sends webhooks could not be made.
    #[error("cannot make the client that sends webhooks")]
    Sender(#[source] reqwest::Error),
    /// The description of the API could not be read.
    #[error("cannot read the API description `{path}`")]
    Description {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The description of the API is not one.
    #[error("the API description `{path}` is not JSON")]
    NotADescription {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: serde_json::Error,
    },
    /// The site has no such thing.
    #[error("the site has no {what} `{id}`")]
    Missing {
        /// What kind of thing.
        what: &'static str,
        /// Which one was asked for.
        id: String,
    },
    /// A line of a JSONL file is not an issue.
    #[error("line {line} is not an issue")]
    NotAnIssue {
        /// The line's number, from 1.
        line: usize,
        /// Why not, if it is not even JSON.
        source: Option<serde_json::Error>,
    },
    /// Webhooks were still on their way when the wait was over.
    #[error("{left} deliveries are still on their way")]
    Unsettled {
        /// How many.
        left: usize,
    },
}

impl Error {
    pub(crate) fn missing(what: &'static str, id: impl ToString) -> Self {
        Self::Missing { what, id: id.to_string() }
    }
}
