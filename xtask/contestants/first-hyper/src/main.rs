//! One request over hyper-util's client: what starting costs without this library.

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;

#[derive(Deserialize)]
struct Answer {
    node: Node,
}

#[derive(Deserialize)]
struct Node {
    value: String,
}

fn main() {
    let base = std::env::args().nth(1).expect("a base");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
        let uri = format!("{base}/v2/keys/bench/key").parse().expect("a URI");
        let answer = client.get(uri).await.expect("an answer");
        let body = answer.into_body().collect().await.expect("a body").to_bytes();
        let answer: Answer = serde_json::from_slice(&body).expect("JSON");
        println!("{}", answer.node.value);
    });
}
