//! Who is in a cluster: its members, their health, their leader, and how a client finds them all.
//!
//! `ETCD_V2_ENDPOINTS` says where one of the servers is, or several. With the argument `change`, a
//! member is added too, moved and removed again; nothing else is changed.

use std::env;
use std::error::Error;
use std::time::{Duration, Instant};

use etcd_v2_client::members::Member;
use etcd_v2_client::{Client, Order, Outcome};
use tokio::time::sleep;

type Ending = Result<(), Box<dyn Error + Send + Sync>>;

#[tokio::main]
async fn main() -> Ending {
    let changes = match env::args().nth(1).as_deref() {
        None => false,
        Some("change") => true,
        Some(other) => {
            return Err(format!("there is no argument {other:?}, only \"change\"").into());
        }
    };
    let endpoints = env::var("ETCD_V2_ENDPOINTS");
    let endpoints = endpoints.unwrap_or_else(|_| "http://127.0.0.1:2379".to_owned());

    // One endpoint that works is enough to find the others. The leader is asked first from then on.
    let client = Client::builder().endpoints([&endpoints]).order(Order::LeaderFirst).build()?;
    let membership = client.sync().await?;
    expect(membership.refused.is_empty(), "all that members advertise can be used")?;
    let found: Vec<_> = client.endpoints().iter().map(ToString::to_string).collect();
    println!("found {}, and {} is asked first", found.join(", "), client.pinned());

    let leader = client.members().leader().await?;
    for member in client.members().list().await? {
        let role = if member == leader { "leader" } else { "follower" };
        println!("{} {} is a {role}: {}", member.id, member.name, condition(&member).await?);
    }
    let leads = leader.client_urls.iter().any(|url| client.pinned().as_str() == url);
    expect(leads, "the leader is asked first")?;

    if changes { change(&client).await } else { Ok(()) }
}

/// How one member is, which only a client that asks nobody else can find out.
async fn condition(member: &Member) -> Result<String, Box<dyn Error + Send + Sync>> {
    if !member.has_started() {
        return Ok("it has not joined yet".to_owned());
    }
    let alone = Client::new(&member.client_urls)?;
    let (health, version) = (alone.health().await?, alone.version().await?);
    expect(health.healthy, "every member is healthy")?;
    Ok(format!("healthy, version {}, at {}", version.server, member.client_urls.join(", ")))
}

/// Adds a member that never joins, and removes it.
async fn change(client: &Client) -> Ending {
    let members = client.members();
    let before = members.list().await?;
    let added = add(client, "http://127.0.0.1:1").await?;
    println!("{} is added, and waits for a server to join as it", added.id);
    let outcome = move_it(client, &added).await;
    members.remove(&added.id).await?;
    outcome?;
    expect(members.list().await? == before, "everything is as before")?;
    println!("{} is removed, for ever", added.id);
    Ok(())
}

/// A server adds nobody while some members are not well, or have not been for five seconds.
async fn add(client: &Client, peer_url: &str) -> Result<Member, etcd_v2_client::Error> {
    let deadline = Instant::now() + Duration::from_secs(15);
    loop {
        match client.members().add([peer_url]).await {
            // It says so with a status that could mean anything, so it is looked up.
            Err(error) if error.outcome() == Outcome::Unknown && Instant::now() < deadline => {
                let list = client.members().list().await?;
                if let Some(added) = list.into_iter().find(|it| it.peer_urls == [peer_url]) {
                    return Ok(added);
                }
                println!("not yet: {error}");
                sleep(Duration::from_secs(1)).await;
            }
            result => return result,
        }
    }
}

async fn move_it(client: &Client, added: &Member) -> Ending {
    client.members().update(&added.id, ["http://127.0.0.1:2"]).await?;
    let list = client.members().list().await?;
    let moved = list.iter().find(|member| member.id == added.id);
    let moved = moved.ok_or("a member that was added is listed")?;
    expect(moved.peer_urls == ["http://127.0.0.1:2"], "it has moved")?;
    println!("{} is to be found at {}", moved.id, moved.peer_urls.join(", "));
    Ok(())
}

fn expect(is_so: bool, what: &str) -> Ending {
    if is_so { Ok(()) } else { Err(format!("this was expected and is not so: {what}").into()) }
}
