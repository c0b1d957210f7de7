//! Several calls at the same time, in both colours.

use std::future::poll_fn;
use std::panic;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::thread;

use etcd_v2_proto::Error;

/// Runs all futures within this one and hands out their results in their order, or the first error.
pub(crate) async fn join<T, F>(futures: impl Iterator<Item = F>) -> Result<Vec<T>, Error>
where
    F: Future<Output = Result<T, Error>>,
{
    let mut steps: Vec<_> = futures.map(|future| Step::Running(Box::pin(future))).collect();
    poll_fn(|context| {
        let mut is_over = true;
        for step in &mut steps {
            if let Step::Running(future) = step {
                match future.as_mut().poll(context) {
                    Poll::Ready(Ok(result)) => *step = Step::Over(result),
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Pending => is_over = false,
                }
            }
        }
        if is_over { Poll::Ready(Ok(())) } else { Poll::Pending }
    })
    .await?;
    let results = steps.into_iter().filter_map(|step| match step {
        Step::Over(result) => Some(result),
        Step::Running(_) => None,
    });
    Ok(results.collect())
}

enum Step<F, T> {
    Running(Pin<Box<F>>),
    Over(T),
}

/// Does the work for all items on some threads, this one among them, and hands out the results in the
/// order of the items, or the first error.
pub(crate) fn each<I, T>(
    items: Vec<I>,
    work: impl Fn(I) -> Result<T, Error> + Send + Sync,
) -> Result<Vec<T>, Error>
where
    I: Send,
    T: Send,
{
    let count = items.len();
    let items = Mutex::new(items.into_iter().enumerate());
    let results = Mutex::new(Vec::with_capacity(count));
    let worker = || {
        // The lock is not held while there is work to do.
        while let Some((place, item)) = { lock(&items).next() } {
            let result = work(item);
            lock(&results).push((place, result));
        }
    };
    thread::scope(|scope| {
        let others = 1..count.min(MOST_THREADS);
        // Where no more threads can be had, fewer do.
        let threads: Vec<_> =
            others.map_while(|_| thread::Builder::new().spawn_scoped(scope, worker).ok()).collect();
        worker();
        for thread in threads {
            if let Err(cause) = thread.join() {
                panic::resume_unwind(cause);
            }
        }
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(place, _)| *place);
    results.into_iter().map(|(_, result)| result).collect()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How many threads work at the same time at most.
pub(crate) const MOST_THREADS: usize = 16;

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::{Duration, Instant};

    use etcd_v2_proto::ErrorKind;

    use super::*;

    #[test]
    fn the_results_are_in_the_order_of_the_items() {
        let items: Vec<usize> = (0..100).collect();
        assert_eq!(each(items.clone(), Ok).unwrap(), items);
        assert!(each(Vec::<usize>::new(), Ok).unwrap().is_empty());
    }

    #[test]
    fn sixteen_work_at_the_same_time_and_no_more() {
        let (busy, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let deadline = Instant::now() + Duration::from_secs(20);
        each((0..3 * MOST_THREADS).collect(), |_| {
            most.fetch_max(busy.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            while most.load(Ordering::SeqCst) < MOST_THREADS && Instant::now() < deadline {
                thread::yield_now();
            }
            busy.fetch_sub(1, Ordering::SeqCst);
            Ok(())
        })
        .unwrap();
        assert_eq!(most.into_inner(), MOST_THREADS);
    }

    #[test]
    fn an_error_is_the_result_of_all() {
        let fail = |item| if item == 7 { Err(ErrorKind::Stopped.into()) } else { Ok(item) };
        assert!(each((0..20).collect(), fail).unwrap_err().is_stopped());
    }
}
