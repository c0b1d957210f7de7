//! One request over the blocking client: what starting costs.

use etcd_v2_client::blocking::Client;

fn main() {
    let base = std::env::args().nth(1).expect("a base");
    let client = Client::new([base]).expect("a client");
    let answer = client.keys().get("/bench/key").expect("an answer");
    println!("{}", answer.value().expect("a value"));
}
