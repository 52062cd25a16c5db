//! What is logged, kept per thread: a test with a runtime of one thread finds its own lines only.
//! The subscriber is everyone's, since one that only some threads have can miss lines.

use std::cell::RefCell;
use std::io;
use std::sync::Once;

thread_local! {
    static LINES: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

struct Lines;

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LINES.with_borrow_mut(|lines| lines.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(crate) fn keep() {
    static KEPT: Once = Once::new();
    KEPT.call_once(|| {
        let keeper = tracing_subscriber::fmt().with_writer(|| Lines).with_ansi(false);
        keeper.with_max_level(tracing::Level::TRACE).init();
    });
}

pub(crate) fn of_this_test() -> String {
    LINES.with_borrow(|lines| String::from_utf8(lines.clone()).unwrap())
}
