//! Two watches on one task: a directory that is kept in memory, and a single key.
//!
//! ```console
//! $ cargo xtask etcd                    # prints the endpoint
//! $ ETCD_V2_ENDPOINTS=http://127.0.0.1:2379 cargo run --example watch
//! ```
//!
//! The directory is read once and then followed. Where the watch says that changes may be missing, it is
//! read again. The index up to which everything is known is printed with each change: whoever stores it
//! with the data goes on after it with `Wait::after` when the program starts anew. What is there to be
//! told is written by the program itself, which ends when the key is gone.

use std::collections::BTreeMap;
use std::future::pending;
use std::pin::pin;

use etcd_v2_client::keys::{Change, Get, Wait};
use etcd_v2_client::{Client, Error, Keys};

const DIRECTORY: &str = "/watch-example/services";
const KEY: &str = "/watch-example/mode";

/// What is in the directory, up to an index.
#[derive(Default)]
struct Services {
    values: BTreeMap<String, String>,
    index: u64,
}

impl Services {
    /// Reads all of it. Through consensus, because another member may not know as much as the one that
    /// the watch listens to.
    async fn read(keys: &Keys) -> Result<(Self, Wait), Error> {
        let wait = Wait::new(DIRECTORY).recursive();
        match keys.send(Get::new(DIRECTORY).recursive().quorum()).await {
            Ok(listing) => {
                let leaves = listing.node().into_iter().flat_map(|node| node.leaves());
                let values = leaves
                    .map(|leaf| {
                        (leaf.key().to_owned(), leaf.value().unwrap_or_default().to_owned())
                    })
                    .collect();
                let index = listing.etcd_index().unwrap_or_default();
                Ok((Self { values, index }, wait.since(&listing)))
            }
            // Nothing is there yet, up to the index of the refusal.
            Err(error) if error.is_key_not_found() => {
                let index = error.etcd().map_or(0, |refusal| refusal.index);
                Ok((Self { values: BTreeMap::new(), index }, wait.after(index)))
            }
            Err(error) => Err(error),
        }
    }

    fn apply(&mut self, change: &Change) {
        // After a gap, the watch may tell what the new listing knows already.
        let Some(index) = change.index().filter(|index| *index > self.index) else { return };
        self.index = index;
        if change.kind().is_removal() {
            // One change tells of a directory and of everything in it.
            self.values.retain(|key, _| !change.removes(key));
        } else if let (Some(key), Some(value)) = (change.key(), change.value()) {
            self.values.insert(key.to_owned(), value.to_owned());
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let endpoints =
        std::env::var("ETCD_V2_ENDPOINTS").unwrap_or_else(|_| "http://127.0.0.1:2379".to_owned());
    let client = Client::new([endpoints])?;
    let keys = client.keys();

    let (mut services, wait) = Services::read(&keys).await?;
    println!("{} services at index {}", services.values.len(), services.index);
    // Each watch has a connection of its own while it waits. What is written later than what was read is
    // told, however late they begin.
    let mut directory = keys.watch(wait.stream());
    let mut key = keys.watch(Wait::new(KEY).after(services.index));
    let mut others = pin!(write(&keys));
    loop {
        // The question that was not answered may be dropped: the watch keeps its place.
        tokio::select! {
            item = directory.next() => match item {
                Some(Ok(change)) => {
                    services.apply(&change);
                    println!("{} services at index {}", services.values.len(), services.index);
                }
                Some(Err(error)) if error.gap().is_some() => {
                    println!("{error}");
                    (services, _) = Services::read(&keys).await?;
                }
                Some(Err(error)) => eprintln!("{error}"),
                None => break,
            },
            item = key.next() => match item {
                Some(Ok(change)) if change.removes(KEY) => {
                    println!("{KEY} is gone");
                    break;
                }
                Some(Ok(change)) => println!("{KEY} is {:?}", change.value()),
                // Only the latest value matters here, so a gap is a reason to look.
                Some(Err(error)) if error.gap().is_some() => match keys.get(KEY).await {
                    Ok(now) => println!("{KEY} is {:?} now", now.value()),
                    Err(error) if error.is_key_not_found() => break,
                    Err(error) => println!("{KEY}: {error}"),
                },
                Some(Err(error)) => eprintln!("{error}"),
                None => break,
            },
            error = &mut others => return Err(error),
        }
    }
    Ok(())
}

/// What others do meanwhile. It comes to an end only where it fails.
async fn write(keys: &Keys) -> Error {
    let all = async {
        keys.set(format!("{DIRECTORY}/web/1"), "10.0.0.1:80").await?;
        keys.set(KEY, "careful").await?;
        keys.set(format!("{DIRECTORY}/web/2"), "10.0.0.2:80").await?;
        keys.set(format!("{DIRECTORY}/db/1"), "10.0.0.3:5432").await?;
        keys.delete_all(format!("{DIRECTORY}/web")).await?;
        keys.delete_all("/watch-example").await
    };
    match all.await {
        Ok(_) => pending().await,
        Err(error) => error,
    }
}
