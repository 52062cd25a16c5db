//! Work on all cores, inside a blocking thread.

use std::sync::Mutex;
use std::thread;

/// Applies `work` to every item, on at most `threads` threads; the answers keep the items' order.
pub(crate) fn map<T: Send, R: Send>(
    items: Vec<T>,
    threads: usize,
    work: impl Fn(T) -> R + Sync,
) -> Vec<R> {
    let threads = threads.min(items.len());
    if threads <= 1 {
        return items.into_iter().map(work).collect();
    }
    let queue = Mutex::new(items.into_iter().enumerate());
    // A panic in a worker is carried on by the scope; the queue behind it is not used again.
    let next = || queue.lock().ok().and_then(|mut queue| queue.next());
    let run = || {
        let mut done = Vec::new();
        while let Some((place, item)) = next() {
            done.push((place, work(item)));
        }
        done
    };
    let mut done = thread::scope(|scope| {
        // This thread is one of them.
        let workers = (1..threads).map(|_| scope.spawn(run)).collect::<Vec<_>>();
        let mut done = run();
        for worker in workers {
            let more = worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            done.extend(more);
        }
        done
    });
    done.sort_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, answer)| answer).collect()
}

/// How many threads can compute at once.
pub(crate) fn count() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_keep_the_order_of_the_items() {
        let items = (0..1000).collect::<Vec<u32>>();
        let doubled = items.iter().map(|n| n * 2).collect::<Vec<_>>();
        for threads in [0, 1, 3, 2000] {
            assert_eq!(map(items.clone(), threads, |n| n * 2), doubled);
        }
        assert!(map(Vec::<u32>::new(), 4, |n| n).is_empty());
    }
}
