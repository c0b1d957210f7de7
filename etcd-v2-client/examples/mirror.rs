//! Keeps a local copy of a directory, and shows what becomes of it.
//!
//! ```console
//! $ cargo xtask etcd                    # prints the endpoint
//! $ ETCD_V2_ENDPOINTS=http://127.0.0.1:2379 cargo run --example mirror
//! ```

use std::error::Error;
use std::time::Duration;

use etcd_v2_client::Client;
use etcd_v2_client::mirror::Update;

const SERVICES: &str = "/mirror-example/services";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let endpoints = std::env::var("ETCD_V2_ENDPOINTS");
    let client = Client::new([endpoints.as_deref().unwrap_or("http://127.0.0.1:2379")])?;
    let keys = client.keys();
    keys.set(format!("{SERVICES}/web/1"), "10.0.0.1:80").await?;

    // One end is to be read, the other keeps it up to date. Here that is a task which shows each update;
    // `tokio::spawn(updates.run())` would do without.
    let (services, mut updates) = keys.mirror(SERVICES);
    let task = tokio::spawn(async move {
        while let Some(update) = updates.next().await {
            match update {
                Ok(update) => println!("{}", in_words(&update)),
                Err(error) => println!("it goes on after this, if it can: {error}"),
            }
        }
    });
    let first = services.wait_until_synced().await?;
    println!("{} nodes as of index {:?}", first.len(), first.index());

    let lease = Duration::from_secs(1);
    keys.set(format!("{SERVICES}/web/2"), "10.0.0.2:80").await?;
    keys.set_for(format!("{SERVICES}/db/1"), "10.0.0.3:5432", lease).await?;
    let db = format!("{SERVICES}/db/1");
    services.wait_for(|now| now.value(&db).is_some()).await?;
    services.wait_for(|now| now.value(&db).is_none()).await?;
    println!("the database has not renewed its lease");

    keys.delete_all("/mirror-example").await?;
    let last = services.wait_for(|now| now.is_empty()).await?;
    println!("nothing is left as of index {:?}", last.index());
    println!("what was taken before is as it was: {} nodes", first.len());
    println!("{:?}", services.status());
    task.abort();
    Ok(())
}

fn in_words(update: &Update) -> String {
    match update {
        // Without a kind, a listing found it, or it is a directory that came to be on the way.
        Update::Upserted { node, kind, .. } => {
            let kind = kind.as_ref().map_or("found", |kind| kind.as_str());
            format!(
                "  {kind}: {} = {}",
                node.node().key(),
                node.node().value().unwrap_or("directory")
            )
        }
        Update::Removed { node, kind, .. } => {
            let kind = kind.as_ref().map_or("found", |kind| kind.as_str());
            format!("  {kind}: {} is gone", node.node().key())
        }
        Update::Resynced { gap: Some(gap), .. } => format!("  not told one by one: {gap}"),
        _ => "  listed".to_owned(),
    }
}
