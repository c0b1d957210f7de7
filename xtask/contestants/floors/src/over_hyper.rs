//! hyper-util's pooled client, with and without what a client of etcd has to do around it.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::header::CONTENT_TYPE;
use hyper::{Method, Request, Response, Uri, body::Incoming};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use measure::{Job, Meter};
use tokio::runtime::Builder;

use crate::answer::Answer;

pub(crate) fn run(job: Job) {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async { tokio::spawn(carry_out(job)).await.expect("a run to its end") });
}

type Pool = Client<HttpConnector, Full<Bytes>>;

#[derive(Clone)]
struct Asker {
    job: Job,
    pool: Pool,
    uri: Uri,
}

async fn carry_out(job: Job) {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let pool = Client::builder(TokioExecutor::new()).build(connector);
    let uri = format!("{}/v2/keys/bench/key", job.base).parse().expect("a URI");
    let asker = Asker { job, pool, uri };
    whole(asker.send(Method::GET, asker.uri.clone(), "").await).await;
    match asker.job.workload.as_str() {
        "get64" => asker.concurrently().await,
        "watch" => asker.watch().await,
        "stream" => asker.stream().await,
        "idle" => asker.idle().await,
        _ => asker.sequentially().await,
    }
}

impl Asker {
    async fn sequentially(&self) {
        let mut meter = Meter::begin(self.job.requests);
        for _ in 0..self.job.requests {
            let began = Instant::now();
            self.ask().await;
            meter.lap(began);
        }
        meter.end();
    }

    async fn concurrently(&self) {
        let worker = |share: u32| {
            let asker = self.clone();
            async move {
                let mut laps = Vec::with_capacity(share as usize);
                for _ in 0..share {
                    let began = Instant::now();
                    asker.ask().await;
                    laps.push(began.elapsed());
                }
                laps
            }
        };
        let warm: Vec<_> = (0..WORKERS).map(|_| tokio::spawn(worker(10))).collect();
        for task in warm {
            task.await.expect("a worker");
        }
        let mut meter = Meter::begin(self.job.requests);
        let share = self.job.share(WORKERS);
        let tasks: Vec<_> = (0..WORKERS).map(|_| tokio::spawn(worker(share))).collect();
        for task in tasks {
            meter.laps(task.await.expect("a worker"));
        }
        meter.end();
    }

    async fn watch(&self) {
        let mut index = self.job.after + 1;
        let mut meter = Meter::begin(self.job.requests);
        for _ in 0..self.job.requests {
            let began = Instant::now();
            let uri = format!("{}?wait=true&waitIndex={index}", self.uri);
            let answer = self.send(Method::GET, uri.parse().expect("a URI"), "").await;
            let change = decode(answer).await;
            index = change.node.modified_index.expect("an index") + 1;
            meter.lap(began);
        }
        meter.end();
    }

    async fn stream(&self) {
        let mut index = self.job.after + 1;
        let mut meter = Meter::begin(self.job.requests);
        let mut left = self.job.requests;
        while left > 0 {
            let uri = format!("{}?wait=true&stream=true&waitIndex={index}", self.uri);
            let answer = self.send(Method::GET, uri.parse().expect("a URI"), "").await;
            let (mut body, mut rest) = (answer.into_body(), Vec::new());
            // As many as there are before the stream falls silent.
            let mut here = left.min(300);
            left -= here;
            while here > 0 {
                let began = Instant::now();
                let piece = body.frame().await.expect("a piece").expect("a piece");
                rest.extend_from_slice(piece.data_ref().expect("no trailers"));
                while let Some(end) = rest.iter().position(|byte| *byte == b'\n')
                    && here > 0
                {
                    let change: Answer = serde_json::from_slice(&rest[..end]).expect("a change");
                    index = change.node.modified_index.expect("an index") + 1;
                    rest.drain(..=end);
                    here -= 1;
                    meter.lap(began);
                }
            }
        }
        meter.end();
    }

    async fn idle(&self) {
        let meter = Meter::begin(0);
        let tasks: Vec<_> = (0..self.job.requests)
            .map(|_| {
                let asker = self.clone();
                tokio::spawn(async move {
                    let uri = format!("{}/v2/keys/idle?wait=true", asker.job.base);
                    let answer = asker.send(Method::GET, uri.parse().expect("a URI"), "").await;
                    decode(answer).await
                })
            })
            .collect();
        tokio::time::sleep(Duration::from_secs(3)).await;
        assert!(tasks.iter().all(|task| !task.is_finished()), "a watch has ended");
        meter.end();
    }

    async fn ask(&self) {
        let naive = self.job.contestant == "hyper-naive";
        match self.job.workload.as_str() {
            "set" if naive => {
                let form = form_urlencoded::Serializer::new(String::new())
                    .append_pair("value", "some value")
                    .finish();
                let answer = decode(self.send(Method::PUT, self.format_uri(""), &form).await).await;
                assert!(answer.previous.is_some() && !answer.action.is_empty());
            }
            "set" => {
                whole(self.send(Method::PUT, self.uri.clone(), "value=some+value").await).await
            }
            listing @ ("list-10000" | "list-100000") => {
                let files = &listing["list-".len()..];
                let uri = format!("{}/v2/keys/nodes-{files}?recursive=true", self.job.base);
                let uri = uri.parse().expect("a URI");
                let answer = decode(self.send(Method::GET, uri, "").await).await;
                assert_eq!(answer.node.leaves().to_string(), files);
            }
            _ if naive => {
                let uri = self.format_uri("?quorum=false&recursive=false&sorted=false");
                let answer = decode(self.send(Method::GET, uri, "").await).await;
                assert!(answer.node.value.is_some());
            }
            _ => whole(self.send(Method::GET, self.uri.clone(), "").await).await,
        }
    }

    fn format_uri(&self, query: &str) -> Uri {
        format!("{}/v2/keys/bench/key{query}", self.job.base).parse().expect("a URI")
    }

    async fn send(&self, method: Method, uri: Uri, body: &str) -> Response<Incoming> {
        let mut request = Request::builder().method(method).uri(uri);
        if !body.is_empty() {
            request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        let body = Full::new(Bytes::copy_from_slice(body.as_bytes()));
        self.pool.request(request.body(body).expect("a request")).await.expect("an answer")
    }
}

async fn whole(answer: Response<Incoming>) {
    let body = answer.into_body().collect().await.expect("a body").to_bytes();
    assert!(!body.is_empty(), "a body");
}

async fn decode(answer: Response<Incoming>) -> Answer {
    for name in ["x-etcd-index", "x-raft-index", "x-raft-term"] {
        let number = answer.headers().get(name).and_then(|value| value.to_str().ok());
        std::hint::black_box(number.and_then(|number| number.parse::<u64>().ok()));
    }
    let body = answer.into_body().collect().await.expect("a body").to_bytes();
    serde_json::from_slice(&body).expect("an answer")
}

const WORKERS: u32 = 64;
