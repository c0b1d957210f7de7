//! Users and roles: who may do what, on an etcd that nobody else uses.
//!
//! `ETCD_V2_ENDPOINTS` says where the servers are. They must have no users and no roles yet, and have
//! none in the end.

use std::error::Error;
use std::{env, process};

use etcd_v2_client::Client;
use etcd_v2_client::auth::roles::Access;

type Ending = Result<(), Box<dyn Error + Send + Sync>>;

/// For the time of this example. A real one belongs into a file or a variable.
const ROOT: &str = "a password of root";
const ANNA: &str = "a password of anna";

#[tokio::main]
async fn main() -> Ending {
    let endpoints = env::var("ETCD_V2_ENDPOINTS");
    let endpoints = endpoints.unwrap_or_else(|_| "http://127.0.0.1:2379".to_owned());
    let login = |user, password| {
        Client::builder().endpoints([&endpoints]).credentials(user, password).build()
    };
    let (anybody, root, anna) =
        (Client::new([&endpoints])?, login("root", ROOT)?, login("anna", ANNA)?);

    let auth = anybody.auth();
    expect(!auth.is_enabled().await?, "authentication is off")?;
    expect(auth.users().list().await?.is_empty(), "there are no users")?;
    expect(auth.roles().list().await? == ["root"], "there are no roles but root's own")?;

    let directory = format!("/auth-{}", process::id());
    let outcome = steps(&anybody, &root, &anna, &directory).await;
    let cleaned = clean_up(&root, &directory).await;
    outcome.and(cleaned)
}

async fn steps(anybody: &Client, root: &Client, anna: &Client, directory: &str) -> Ending {
    let (open, closed) = (format!("{directory}/open"), format!("{directory}/closed"));

    // As long as authentication is off, credentials count for nothing and everybody may do this.
    let auth = root.auth();
    auth.users().add("root", ROOT).await?;
    auth.roles().add("clerk").await?;
    auth.roles().grant("clerk", [format!("{open}/*")], Access::ReadWrite).await?;
    auth.users().add_with_roles("anna", ANNA, ["clerk"]).await?;
    let users = auth.users().list().await?;
    println!("made the role clerk, for {open}/*, and the users {}", users.join(", "));

    auth.enable().await?;
    expect(anybody.auth().is_enabled().await?, "authentication is on")?;
    anybody.keys().set(&closed, "1").await?;
    println!("authentication is on, but guests may do everything with keys, as is usual");

    auth.roles().remove("guest").await?;
    expect_denied(anybody.keys().get(&closed).await, "a guest reads")?;
    expect_denied(anna.keys().get(&closed).await, "anna reads what clerks may not see")?;
    expect_denied(anna.auth().users().list().await, "anna administrates")?;
    anna.keys().set(format!("{open}/file"), "hello").await?;
    let read = anna.keys().get(format!("{open}/file")).await?;
    expect(read.value() == Some("hello"), "anna reads what she wrote")?;
    println!("anna wrote and read {open}/file");

    auth.users().revoke("anna", ["clerk"]).await?;
    let read = anna.keys().get(format!("{open}/file")).await;
    expect_denied(read, "anna reads when she is no clerk any more")
}

/// Removes whatever of it is there, also after an error half way.
async fn clean_up(root: &Client, directory: &str) -> Ending {
    let auth = root.auth();
    if auth.is_enabled().await? {
        auth.disable().await?;
    }
    for user in auth.users().list().await? {
        auth.users().remove(user).await?;
    }
    for role in auth.roles().list().await?.into_iter().filter(|role| role != "root") {
        auth.roles().remove(role).await?;
    }
    match root.keys().delete_all(directory).await {
        Err(error) if !error.is_key_not_found() => return Err(error.into()),
        _ => println!("authentication is off, and users, roles and keys are gone"),
    }
    Ok(())
}

fn expect_denied<T>(result: Result<T, etcd_v2_client::Error>, what: &str) -> Ending {
    let error = result.err().ok_or_else(|| format!("this was expected to be denied: {what}"))?;
    println!("denied, on purpose: {what}: {error}");
    expect(error.is_unauthorized(), "the credentials are the reason")
}

fn expect(is_so: bool, what: &str) -> Ending {
    if is_so { Ok(()) } else { Err(format!("this was expected and is not so: {what}").into()) }
}
