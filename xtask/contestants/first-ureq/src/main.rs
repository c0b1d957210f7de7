//! One request over ureq: what starting costs without this library.

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
    let mut answer = ureq::get(format!("{base}/v2/keys/bench/key")).call().expect("an answer");
    let body = answer.body_mut().read_to_vec().expect("a body");
    let answer: Answer = serde_json::from_slice(&body).expect("JSON");
    println!("{}", answer.node.value);
}
