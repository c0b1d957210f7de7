//! What is particular to the watch of one colour.

#[cfg(feature = "hyper")]
mod streams {
    use std::time::Duration;

    use etcd_v2_client::Client;
    use etcd_v2_client::keys::Wait;
    use futures_util::StreamExt;

    use crate::live::patience::{block_on, runtime, until};
    use crate::live::servers::{self, connections};

    #[test]
    fn a_watch_is_a_stream() {
        block_on(async {
            let client = Client::new(servers::quiet()).unwrap();
            let keys = client.keys();
            let start = keys.set("/a-stream/file", "0").await.unwrap().index().unwrap();
            for value in ["1", "2", "3"] {
                keys.set("/a-stream/file", value).await.unwrap();
            }
            let watch = keys.watch(Wait::new("/a-stream").recursive().after(start));
            let changes: Vec<_> = StreamExt::take(watch, 3).collect().await;
            let values: Vec<_> =
                changes.iter().map(|change| change.as_ref().unwrap().value().unwrap()).collect();
            assert_eq!(values, ["1", "2", "3"]);
        });
    }

    #[test]
    fn a_stream_ends_once_it_is_stopped() {
        block_on(async {
            let client = Client::new(servers::quiet()).unwrap();
            let mut watch = client.keys().watch("/a-stopped-stream").fuse();
            watch.get_ref().interrupt().stop();
            assert!(watch.next().await.unwrap().unwrap_err().is_stopped());
            assert!(watch.next().await.is_none());
            assert!(watch.is_done());
        });
    }

    /// As in a loop around `select!`.
    #[test]
    fn giving_up_on_an_item_loses_nothing() {
        block_on(async {
            let client = Client::new(servers::quiet()).unwrap();
            let keys = client.keys();
            // However late it begins, it is told all of them.
            let start = keys.set("/a-loop", "start").await.unwrap().index().unwrap();
            let mut watch = client.keys().watch(Wait::new("/a-loop").after(start));
            let writer = tokio::spawn(async move {
                for number in 0..60 {
                    keys.set("/a-loop", number.to_string()).await.unwrap();
                    tokio::time::sleep(Duration::from_millis(3)).await;
                }
            });
            let (mut seen, mut given_up) = (Vec::new(), 0);
            while seen.last() != Some(&59) {
                match tokio::time::timeout(Duration::from_millis(2), watch.next()).await {
                    Ok(change) => {
                        let value = change.unwrap().unwrap().into_value().unwrap();
                        seen.push(value.parse::<u32>().unwrap());
                    }
                    Err(_) => given_up += 1,
                }
            }
            writer.await.unwrap();
            assert!(seen.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{seen:?}");
            assert!(given_up > 0);
        });
    }

    #[test]
    fn a_watch_can_be_moved_into_a_task() {
        block_on(async {
            let client = Client::new(servers::quiet()).unwrap();
            let keys = client.keys();
            let start = keys.mkdir("/a-task").await.unwrap().index().unwrap();
            let mut watch = keys.watch(Wait::new("/a-task").recursive().after(start));
            let task = tokio::spawn(async move { watch.next().await.unwrap().unwrap() });
            let set = keys.set("/a-task/file", "1").await.unwrap();
            assert_eq!(task.await.unwrap().node(), set.node());
        });
    }

    /// The task is over, and nothing has told the transport of it but the drop.
    #[test]
    fn cancelled_watches_leave_no_connections() {
        let mut server = servers::lock_alone();
        let client = Client::new([server.endpoint()]).unwrap();
        for round in ["watches", "waits"] {
            let tasks: Vec<_> = (0..200)
                .map(|number| {
                    let (keys, key) = (client.keys(), format!("/cancelled/{number}"));
                    runtime().spawn(async move {
                        match round {
                            "watches" => keys.watch(key).next().await.unwrap(),
                            _ => keys.wait(key).await,
                        }
                    })
                })
                .collect();
            until("all have connected", || connections(&mut server) == 200);
            for task in &tasks {
                task.abort();
            }
            until("all are closed", || connections(&mut server) == 0);
        }
    }
}

#[cfg(feature = "ureq")]
mod iterators {
    use std::sync::mpsc;
    use std::thread;

    use etcd_v2_client::blocking::Client;
    use etcd_v2_client::keys::Wait;

    use crate::live::servers;

    #[test]
    fn a_watch_is_an_iterator() {
        let client = Client::new(servers::quiet()).unwrap();
        let keys = client.keys();
        let start = keys.set("/an-iterator/file", "0").unwrap().index().unwrap();
        for value in ["1", "2", "3"] {
            keys.set("/an-iterator/file", value).unwrap();
        }
        let watch = keys.watch(Wait::new("/an-iterator").recursive().after(start));
        let values: Vec<_> =
            watch.take(3).map(|change| change.unwrap().into_value().unwrap()).collect();
        assert_eq!(values, ["1", "2", "3"]);
    }

    #[test]
    fn a_loop_over_a_watch_is_stopped_from_another_thread() {
        let client = Client::new(servers::quiet()).unwrap();
        let keys = client.keys();
        let start = keys.mkdir("/a-loop-to-stop").unwrap().index().unwrap();
        let watch = keys.watch(Wait::new("/a-loop-to-stop").recursive().after(start));
        let handle = watch.interrupt().clone();
        let (seen, changes) = mpsc::channel();
        let watching = thread::spawn(move || {
            let mut values = Vec::new();
            for change in watch {
                match change {
                    Ok(change) => values.push(change.into_value().unwrap()),
                    Err(error) => assert!(error.is_stopped(), "{error}"),
                }
                seen.send(values.len()).unwrap();
            }
            values
        });
        for value in ["1", "2"] {
            keys.set("/a-loop-to-stop/file", value).unwrap();
        }
        assert_eq!(changes.iter().find(|count| *count == 2), Some(2));
        handle.stop();
        assert_eq!(watching.join().unwrap(), ["1", "2"]);
    }
}
