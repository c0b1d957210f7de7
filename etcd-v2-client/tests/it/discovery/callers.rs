//! Who asks, and from where.

use std::fs;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::thread;
use std::time::{Duration, Instant};

use etcd_v2_client::Endpoint;
use etcd_v2_client::discovery::{AsyncDiscoverer, BlockingDiscoverer};

use crate::name_server::Reply;

use super::{LONGEST, PLAIN, SSL, asking, one, start};

#[test]
fn blocking_discovery_works_within_runtimes_and_in_plain_threads() {
    let server = start([(SSL, one("a.example.com.", 1))]);
    let discoverer: Arc<dyn BlockingDiscoverer> = Arc::new(asking(&[&server]));
    let find = || discoverer.discover("example.com").unwrap();
    let expected: [Endpoint; 1] = ["https://a.example.com:1".parse().unwrap()];
    assert_eq!(thread::scope(|scope| scope.spawn(find).join().unwrap()), expected);
    for mut builder in
        [tokio::runtime::Builder::new_current_thread(), tokio::runtime::Builder::new_multi_thread()]
    {
        let runtime = builder.enable_all().build().unwrap();
        assert_eq!(runtime.block_on(async { find() }), expected);
    }
}

#[test]
fn asynchronous_discovery_moves_between_threads() {
    let server = start([(SSL, one("a.example.com.", 1))]);
    let discoverer: Arc<dyn AsyncDiscoverer> = Arc::new(asking(&[&server]));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let all = (0..8).map(|_| {
        let discoverer = Arc::clone(&discoverer);
        runtime.spawn(async move { discoverer.discover("example.com").await.unwrap() })
    });
    for found in all.collect::<Vec<_>>() {
        let found = runtime.block_on(found).unwrap();
        assert_eq!(found, ["https://a.example.com:1".parse().unwrap()]);
    }
}

/// Whether a discovery is under way in this process.
fn is_busy() -> bool {
    let threads = fs::read_dir("/proc/self/task").unwrap();
    // One that ends meanwhile has no name.
    let mut names = threads.flatten().flat_map(|task| fs::read_to_string(task.path().join("comm")));
    names.any(|name| name.trim_end() == "etcd-discovery")
}

#[test]
fn dropping_the_future_ends_the_discovery() {
    let server = start([(SSL, Reply::Silence), (PLAIN, Reply::Silence)]);
    let discoverer = asking(&[&server]).time_limit(Duration::from_secs(3600));
    {
        let mut discovery = pin!(AsyncDiscoverer::discover(&discoverer, "example.com"));
        let mut context = Context::from_waker(Waker::noop());
        assert!(discovery.as_mut().poll(&mut context).is_pending());
        let began = Instant::now();
        while server.asked().len() < 2 {
            assert!(began.elapsed() < LONGEST, "it has not begun");
            thread::sleep(Duration::from_millis(5));
        }
        assert!(is_busy());
    }
    // Those of other tests end, too.
    let began = Instant::now();
    while is_busy() {
        assert!(began.elapsed() < 3 * LONGEST, "it goes on");
        thread::sleep(Duration::from_millis(5));
    }
}
