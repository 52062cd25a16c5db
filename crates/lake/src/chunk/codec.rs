//! Pages through zstd.

use std::cell::RefCell;
use std::io;

use zstd::bulk::Compressor;
use zstd::zstd_safe::compress_bound;

/// Chosen by measurement of size against time: see `docs/performance.md`.
pub(super) const ZSTD_LEVEL: i32 = 3;

thread_local! {
    /// Making a context takes as long as compressing a page; each thread makes one.
    static COMPRESSOR: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
}

/// The page, compressed.
pub(super) fn compress(page: &[u8]) -> io::Result<Vec<u8>> {
    COMPRESSOR.with_borrow_mut(|compressor| {
        let compressor = match compressor {
            Some(compressor) => compressor,
            none => none.insert(Compressor::new(ZSTD_LEVEL)?),
        };
        let mut compressed = Vec::with_capacity(compress_bound(page.len()));
        compressor.compress_to_buffer(page, &mut compressed)?;
        Ok(compressed)
    })
}
