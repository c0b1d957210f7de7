//! A tour of the asynchronous client on a real etcd, step by step, with what goes over the wire.
//!
//! `ETCD_V2_ENDPOINTS` says where the servers are. Everything happens in a directory of its own, which
//! is deleted in the end.

#[path = "tour/wire.rs"]
mod wire;

use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use etcd_v2_client::hyper::HyperTransport;
use etcd_v2_client::keys::{Set, Wait};
use etcd_v2_client::{Client, Keys};

use wire::{Story, Wire, expect, expect_error};

type Ending = Result<(), Box<dyn Error + Send + Sync>>;

#[tokio::main]
async fn main() -> ExitCode {
    // In a task of its own, where calls need the fewest system calls.
    let tour = tokio::spawn(async {
        let outcome = tour().await;
        if let Err(error) = &outcome {
            wire::explain(&**error);
        }
        outcome.is_ok()
    });
    if tour.await.is_ok_and(|went_well| went_well) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn tour() -> Ending {
    let endpoints = wire::endpoints();
    let mut story = Story::begin(&format!("The asynchronous client, over hyper, at {endpoints}."));

    // Any transport will do. This one shows what the default one does; a client without the show is
    // Client::new([endpoints]).
    let transport = HyperTransport::new();
    let client = Client::with_transport([&*endpoints], Arc::new(Wire::new(transport.clone(), "")))?;
    let watcher = Client::with_transport([&*endpoints], Arc::new(Wire::new(transport, "watch")))?;

    let directory = wire::directory();
    let outcome = steps(&mut story, &client.keys(), &watcher.keys(), &directory).await;
    story.step("Delete everything: keys.delete_all(directory)");
    let deleted = client.keys().delete_all(&directory).await;
    outcome?;
    expect(deleted?.node().is_some_and(|node| node.is_dir()), "a directory was deleted")?;
    let missing = expect_error(client.keys().get(&directory).await, "reading what is deleted")?;
    expect(missing.is_key_not_found(), "nothing is left")?;
    story.result("nothing is left behind");
    story.end();
    Ok(())
}

async fn steps(story: &mut Story, keys: &Keys, watcher: &Keys, directory: &str) -> Ending {
    let at = |key: &str| format!("{directory}/{key}");

    story.step("Write a value: keys.set(key, \"hello\")");
    let written = keys.set(at("greeting"), "hello").await?;
    expect(written.previous().is_none(), "nothing was there before")?;
    let index = written.index().ok_or("a write has an index")?;
    story.result(format!("written at index {index}, and nothing was there before"));

    story.step("Read it: keys.get(key)");
    let read = keys.get(at("greeting")).await?;
    expect(read.value() == Some("hello"), "the value is the one that was written")?;
    story.result(format!("the value is {:?}", read.value().unwrap_or_default()));

    story.step("Create what must not exist: keys.create(key, value)");
    let created = keys.create(at("config/color"), "green").await?;
    keys.create(at("config/size"), "small").await?;
    expect(created.key() == Some(&*at("config/color")), "the key is the one that was asked for")?;
    story.result("both are new, and so is the directory they are in");

    story.step("List a tree: keys.list(directory)");
    let tree = keys.list(directory).await?;
    let root = tree.node().ok_or("a listing has a node")?;
    let leaves: Vec<_> = root.leaves().map(|leaf| (leaf.name(), leaf.value())).collect();
    let expected = [("color", "green"), ("size", "small"), ("greeting", "hello")];
    expect(leaves == expected.map(|(name, value)| (name, Some(value))), "three files, in order")?;
    story.result(format!("{} files and {} directory", leaves.len(), root.children().count() - 1));

    story.step("Compare and swap: keys.compare_and_swap(key, index, \"good day\")");
    let swapped = keys.compare_and_swap(at("greeting"), index, "good day").await?;
    expect(swapped.previous().and_then(|node| node.value()) == Some("hello"), "it was \"hello\"")?;
    story.result("nobody else had written since, so it was swapped");

    story.step("The same once more, an error on purpose: that index is not the latest any more");
    let result = keys.compare_and_swap(at("greeting"), index, "good evening").await;
    let error = expect_error(result, "a comparison with an old index")?;
    expect(error.is_compare_failed(), "the comparison failed")?;
    expect(!error.may_have_applied(), "nothing was written")?;
    story.result(format!("{error}; outcome: {}", error.outcome()));

    story.step("Read what is not there, an error on purpose: keys.get(key)");
    let error = expect_error(keys.get(at("nowhere")).await, "reading a key that does not exist")?;
    expect(error.is_key_not_found(), "the key does not exist")?;
    story.result(&error);

    story.step("Queue three jobs in order: keys.push(queue, job)");
    for job in ["wash", "rinse", "dry"] {
        keys.push(at("queue"), job).await?;
    }
    let queue = keys.list(at("queue")).await?;
    let jobs: Vec<_> = queue
        .node()
        .ok_or("a listing has a node")?
        .leaves()
        .filter_map(|job| job.value())
        .collect();
    expect(jobs == ["wash", "rinse", "dry"], "the jobs are listed as they were pushed")?;
    story.result(format!("listed by name they are in order: {}", jobs.join(", ")));

    story
        .step("Hold a key for a while: keys.set_for(key, value, ttl), then keys.refresh(key, ttl)");
    keys.set_for(at("session"), "me", Duration::from_secs(30)).await?;
    let renewed = keys.refresh(at("session"), Duration::from_secs(60)).await?;
    let ttl = renewed.node().and_then(|node| node.ttl());
    expect(renewed.value() == Some("me"), "a refresh keeps the value")?;
    expect(ttl == Some(Duration::from_secs(60)), "a refresh renews the time to live")?;
    story.result("still \"me\", for another 60 seconds");

    story.step("Watch a directory while another task changes it: keys.watch(wait)");
    let start = renewed.index().ok_or("a refresh has an index")?;
    let mut watch = watcher.watch(Wait::new(at("config")).recursive().after(start));
    let writer = tokio::spawn(write_three(keys.clone(), at("config")));
    let mut told = Vec::new();
    while told.len() < 3 {
        let change = watch.next().await.ok_or("the watch goes on")??;
        let name = change.node().ok_or("a change has a node")?.name();
        told.push(format!("{} {name}", change.kind()));
    }
    writer.await??;
    expect(told == ["update color", "create shape", "delete size"], "three changes, in order")?;
    story.result(format!("told of {}", told.join(", ")));
    Ok(())
}

async fn write_three(keys: Keys, directory: String) -> Result<(), etcd_v2_client::Error> {
    keys.update(format!("{directory}/color"), "blue").await?;
    keys.send(Set::create(format!("{directory}/shape"), "round")).await?;
    keys.delete(format!("{directory}/size")).await?;
    Ok(())
}
