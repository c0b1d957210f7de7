//! Thousands of watches that are given up.

use super::patience::until;
use super::servers::{self, connections, watchers};
use super::space::{Space, Watch};

both! {
    alone:
    ten_thousand_watches_that_were_given_up_leave_no_connection_open,
}

fn ten_thousand_watches_that_were_given_up_leave_no_connection_open(space: &Space) {
    const AT_ONCE: usize = 100;
    let mut server = servers::lock_alone();
    let watcher = space.on_a_fresh_connection();
    for round in 0..100 {
        let watches = (0..AT_ONCE).map(|number| watcher.keys.watch(format!("/{round}/{number}")));
        give_up_after(watches.collect(), || {
            until("all wait", || watchers(space) == AT_ONCE as u64);
        });
    }
    drop(watcher);
    until("the server knows none of them", || watchers(space) == 0);
    // The one that is left is the one that asked.
    until("all are closed", || connections(&mut server) <= 1);
}

/// Lets watches wait until something is done, and gives them up in the manner of their colour: they are
/// dropped, or stopped from another thread.
fn give_up_after(watches: Vec<Watch>, done: impl FnOnce()) {
    let mut waiting = Vec::new();
    for watch in watches {
        match watch {
            #[cfg(feature = "hyper")]
            Watch::Async(mut watch) => {
                let task = super::patience::runtime().spawn(async move {
                    // Asked again and again, as by a loop that has other things to do.
                    loop {
                        let _ =
                            tokio::time::timeout(std::time::Duration::from_millis(5), watch.next())
                                .await;
                    }
                });
                waiting.push(Given::Up(task));
            }
            #[cfg(feature = "ureq")]
            Watch::Blocking(mut watch) => {
                let interrupt = watch.interrupt().clone();
                let thread = std::thread::spawn(move || {
                    assert!(watch.next().unwrap().unwrap_err().is_stopped());
                });
                waiting.push(Given::Stopped(interrupt, thread));
            }
        }
    }
    done();
    for given in &waiting {
        match given {
            #[cfg(feature = "hyper")]
            Given::Up(task) => task.abort(),
            #[cfg(feature = "ureq")]
            Given::Stopped(interrupt, _) => interrupt.stop(),
        }
    }
    for given in waiting {
        match given {
            #[cfg(feature = "hyper")]
            Given::Up(task) => {
                assert!(super::patience::block_on(task).unwrap_err().is_cancelled());
            }
            #[cfg(feature = "ureq")]
            Given::Stopped(_, thread) => thread.join().unwrap(),
        }
    }
}

enum Given {
    #[cfg(feature = "hyper")]
    Up(tokio::task::JoinHandle<()>),
    #[cfg(feature = "ureq")]
    Stopped(etcd_v2_client::Interrupt, std::thread::JoinHandle<()>),
}
