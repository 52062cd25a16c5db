//! Checks those who call: counts their requests, and remembers what was not as it should be.

#[cfg(feature = "openapi")]
mod description;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::Error;
use crate::http::{Endpoint, Request};

/// How many remarks of a kind are kept.
const MOST_REMARKS: usize = 1000;

/// The handle; clones share the counts.
#[derive(Clone, Debug)]
pub struct Callers(Arc<Mutex<Book>>);

#[derive(Debug, Default)]
struct Book {
    counts: BTreeMap<Endpoint, u64>,
    total: u64,
    unknown: Vec<String>,
    deviations: Vec<String>,
    #[cfg(feature = "openapi")]
    description: Option<description::Description>,
}

impl Callers {
    /// With the description of the API that requests are held against, if there is one.
    ///
    /// Without the feature `openapi` the description is not read.
    pub(crate) fn new(description: Option<&Path>) -> Result<Self, Error> {
        #[cfg(feature = "openapi")]
        let book = Book {
            description: description.map(description::Description::read).transpose()?,
            ..Book::default()
        };
        #[cfg(not(feature = "openapi"))]
        let book = Book::default();
        #[cfg(not(feature = "openapi"))]
        if description.is_some() {
            tracing::warn!("built without the feature `openapi`: requests are not checked");
        }
        Ok(Self(Arc::new(Mutex::new(book))))
    }

    /// How many requests each endpoint got.
    pub fn counts(&self) -> BTreeMap<Endpoint, u64> {
        self.book().counts.clone()
    }

    /// How many requests one endpoint got.
    pub fn count_of(&self, endpoint: Endpoint) -> u64 {
        self.book().counts.get(&endpoint).copied().unwrap_or_default()
    }

    /// The requests that the simulator did not know or that it refused as bad.
    pub fn unknown_requests(&self) -> Vec<String> {
        self.book().unknown.clone()
    }

    /// Where requests were not as the description of the API says.
    pub fn deviations(&self) -> Vec<String> {
        self.book().deviations.clone()
    }

    /// Starts counting anew.
    pub fn forget(&self) {
        let mut book = self.book();
        book.counts.clear();
        book.unknown.clear();
        book.deviations.clear();
    }

    pub(crate) fn total(&self) -> u64 {
        self.book().total
    }

    pub(crate) fn count(&self, endpoint: Endpoint) {
        *self.book().counts.entry(endpoint).or_default() += 1;
    }

    pub(crate) fn unknown(&self, request: &Request) {
        let line = format!("{} {}", request.method, request.full_path);
        keep(&mut self.book().unknown, line);
    }

    /// Remembers a request that was refused as bad, with the answer that said so.
    pub(crate) fn refused(&self, request: &Request, why: &str) {
        let line = format!("{} {}: {why}", request.method, request.full_path);
        keep(&mut self.book().unknown, line);
    }

    pub(crate) fn deviation(&self, remark: String) {
        keep(&mut self.book().deviations, remark);
    }

    /// Holds a request against the description.
    pub(crate) fn check(&self, request: &Request) {
        let mut book = self.book();
        book.total += 1;
        #[cfg(feature = "openapi")]
        {
            let Book { description, deviations, .. } = &mut *book;
            if let Some(description) = description {
                for remark in description.remarks(request) {
                    keep(deviations, remark);
                }
            }
        }
        #[cfg(not(feature = "openapi"))]
        tracing::trace!(path = request.path, "not held against a description");
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn keep(list: &mut Vec<String>, remark: String) {
    if list.len() < MOST_REMARKS && !list.contains(&remark) {
        list.push(remark);
    }
}

/// What `X-AREQUESTID` says of the n-th request.
pub(crate) fn request_id(n: u64) -> String {
    format!("{n:032x}")
}
