//! The footers of files that commits change, kept in memory: reading and proving the end of a file
//! costs more than opening one row group.
//!
//! Bounded by memory; who was not asked for longest leaves first. A file of the store never changes
//! its bytes under its name, so what is kept can be unneeded but never wrong.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::footer::Footer;

/// Memory of all that is kept.
const BYTES: usize = 24 * 1024 * 1024;

/// Footers by the path of their file below the store.
#[derive(Debug, Default)]
pub(crate) struct Footers(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    by_path: HashMap<String, (u64, usize, Arc<Footer>)>,
    bytes: usize,
    /// Grows with every question, so that it tells who was asked for last.
    now: u64,
}

impl Footers {
    pub(crate) fn get(&self, path: &str) -> Option<Arc<Footer>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.now += 1;
        let now = kept.now;
        let (asked, _, footer) = kept.by_path.get_mut(path)?;
        *asked = now;
        Some(Arc::clone(footer))
    }

    pub(crate) fn put(&self, path: &str, footer: Arc<Footer>) {
        let weight = footer.weight();
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.now += 1;
        let now = kept.now;
        kept.bytes += weight;
        if let Some((_, before, _)) = kept.by_path.insert(path.to_owned(), (now, weight, footer)) {
            kept.bytes -= before;
        }
        kept.shrink();
    }

    /// Forgets the footer of a file that no commit names any more.
    pub(crate) fn forget(&self, path: &str) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.take(path);
    }
}

impl Kept {
    fn shrink(&mut self) {
        while self.bytes > BYTES {
            let oldest = self.by_path.iter().min_by_key(|(_, (asked, ..))| *asked);
            let Some(path) = oldest.map(|(path, _)| path.clone()) else { return };
            self.take(&path);
        }
    }

    fn take(&mut self, path: &str) {
        if let Some((_, weight, _)) = self.by_path.remove(path) {
            self.bytes -= weight;
        }
    }
}
