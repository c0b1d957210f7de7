//! A secured etcd that wants to see a certificate of its clients.
//!
//! `ETCD_V2_ENDPOINTS` says where the servers are, with `https`. Three PEM files are named by
//! `ETCD_V2_CA` (who signed the certificates of the servers), `ETCD_V2_CERTIFICATE` and `ETCD_V2_KEY`
//! (what to show them).

use std::error::Error;
use std::{env, fs, process};

use etcd_v2_client::proto::tls::Tls;
use etcd_v2_client::{Client, Keys};

type Ending = Result<(), Box<dyn Error + Send + Sync>>;

#[tokio::main]
async fn main() -> Ending {
    let endpoints = variable("ETCD_V2_ENDPOINTS")?;
    let ca = file("ETCD_V2_CA")?;

    // Trust this CA and none of the platform, and show this certificate.
    let tls = Tls::new().only_ca_pem(&ca);
    let known = tls.clone().identity_pem(file("ETCD_V2_CERTIFICATE")?, file("ETCD_V2_KEY")?);
    let client = Client::builder().endpoints([&endpoints]).tls(known).build()?;
    let key = format!("/tls-{}", process::id());
    let outcome = write_and_read(&client.keys(), &key).await;
    let deleted = client.keys().delete(&key).await;
    outcome?;
    deleted?;

    let membership = client.sync().await?;
    let secured = membership.endpoints.iter().all(|it| it.as_str().starts_with("https:"));
    expect(secured, "members of a secured cluster are asked with https")?;
    let found: Vec<_> = membership.endpoints.iter().map(ToString::to_string).collect();
    println!("found its members, all of them secured: {}", found.join(", "));

    // Two errors on purpose: without any settings, and without a certificate to show.
    let stranger = Client::new([&endpoints])?;
    expect_refusal(&stranger, "the certificate of the server").await?;
    let nobody = Client::builder().endpoints([&endpoints]).tls(tls).build()?;
    expect_refusal(&nobody, "the server wants a client certificate").await
}

async fn write_and_read(keys: &Keys, key: &str) -> Ending {
    keys.create(key, "hello").await?;
    let read = keys.get(key).await?;
    expect(read.value() == Some("hello"), "the value is the one that was written")?;
    println!("wrote and read {key} over TLS, with certificates on both sides");
    Ok(())
}

/// The server, or the client, has to refuse, and to say why.
async fn expect_refusal(client: &Client, reason: &str) -> Ending {
    // Once is enough: what is refused now is refused in a second, too.
    let once = client.with(|policy| policy.passes = Some(1));
    let error = once.keys().get("/").await.err().ok_or("this was expected to be refused")?;
    println!("refused, on purpose: {error}");
    expect(error.to_string().contains(reason), reason)
}

fn variable(name: &str) -> Result<String, String> {
    env::var(name).map_err(|_| format!("the variable {name} is needed"))
}

fn file(name: &str) -> Result<Vec<u8>, String> {
    let path = variable(name)?;
    fs::read(&path).map_err(|error| format!("{name}: cannot read {path}: {error}"))
}

fn expect(is_so: bool, what: &str) -> Ending {
    if is_so { Ok(()) } else { Err(format!("this was expected and is not so: {what}").into()) }
}
