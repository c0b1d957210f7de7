//! One request over the asynchronous client: what starting costs.

use etcd_v2_client::Client;

fn main() {
    let base = std::env::args().nth(1).expect("a base");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let client = Client::new([base]).expect("a client");
        let answer = client.keys().get("/bench/key").await.expect("an answer");
        println!("{}", answer.value().expect("a value"));
    });
}
