//! What answers can make a client set aside that are meant to exhaust it. It has a binary of its own, because
//! it counts allocations.

use std::sync::Arc;
use std::time::Duration;

use dhat::{Alloc, HeapStats, Profiler};
use etcd_v2_proto::auth::users;
use etcd_v2_proto::bytes::Bytes;
use etcd_v2_proto::http::Response;
use etcd_v2_proto::keys::Get;
use etcd_v2_proto::server::GetMachines;
use etcd_v2_proto::{
    Action, Cluster, Conversation, Error, ErrorKind, Event, Exchange, Policy, Request, members,
};

#[global_allocator]
static ALLOC: Alloc = Alloc;

/// How large the pieces are in which an answer comes.
const PIECE: usize = 16 << 10;

/// Answers a request with these pieces, and tells how many were taken, and how much was set aside at most,
/// the pieces not included.
fn answered<R: Request>(
    request: R,
    max_answer: usize,
    pieces: impl Iterator<Item = Bytes>,
) -> (Result<R::Output, Error>, usize, usize) {
    let now = Duration::ZERO;
    let mut policy = Policy::default();
    (policy.max_answer, policy.passes) = (max_answer, Some(1));
    let route = Cluster::parse(["http://a:1"]).expect("an endpoint").route();
    let mut exchange = Exchange::new(request, route, Arc::new(policy), 1, now);
    assert!(matches!(exchange.poll(now), Action::Send { .. }));
    exchange.handle(now, Event::Head(Response::new(()).into_parts().0));
    let before = HeapStats::get().curr_bytes;
    let (mut pieces, mut taken) = (pieces, 0);
    let end = loop {
        match exchange.poll(now) {
            Action::Read { .. } => {}
            Action::Yield(item) => break Ok(item),
            Action::Finish(Err(error)) => break Err(error),
            _ => panic!("neither an end nor more to read"),
        }
        let piece = pieces.next();
        taken += piece.as_ref().map_or(0, Bytes::len);
        exchange.handle(now, piece.map_or(Event::End, Event::Chunk));
    };
    (end, taken, HeapStats::get().max_bytes - before)
}

/// A document of about this size: what it begins with, the same over and over, and what it ends with.
fn document(size: usize, begin: &str, part: &str, end: &str) -> Vec<Bytes> {
    let text = format!("{begin}{}{end}", part.repeat(size / part.len()));
    let text = Bytes::from(text);
    (0..text.len()).step_by(PIECE).map(|at| text.slice(at..text.len().min(at + PIECE))).collect()
}

#[test]
fn what_hostile_answers_take_is_bounded() {
    const LIMIT: usize = 1 << 20;
    // Endless: one piece more than the limit is read, and no more than that is set aside.
    let filler = Bytes::from(vec![b' '; PIECE]);
    {
        let _profiler = Profiler::builder().testing().build();
        let endless = std::iter::repeat_with(|| filler.clone());
        let (end, taken, most) = answered(Get::new("/a"), LIMIT, endless);
        println!("endless, with a limit of {LIMIT}: {taken} taken, {most} set aside");
        assert!(matches!(end.unwrap_err().kind(), ErrorKind::TooLarge { limit: LIMIT }));
        assert!(taken <= LIMIT + PIECE && most <= 2 * LIMIT, "{taken}, {most}");
    }

    // Within the limit, and made of as many nodes, names or members as there is room for.
    let nodes = document(
        LIMIT,
        r#"{"action":"get","node":{"dir":true,"nodes":["#,
        r#"{"key":"/a"},"#,
        r#"{"key":"/a"}]}}"#,
    );
    let names = document(LIMIT, r#"{"users":["#, r#""a","#, r#""a"]}"#);
    let list = document(LIMIT, r#"{"members":["#, r#"{"id":""},"#, r#"{"id":""}]}"#);
    let urls = document(LIMIT, "", "a,", "a");
    let size = |pieces: &[Bytes]| pieces.iter().map(Bytes::len).sum::<usize>();
    let tell = |what: &str, pieces: &[Bytes], most: usize| {
        let times = most as f64 / size(pieces) as f64;
        println!("{what}: {times:.1} times the text");
        times
    };
    {
        let _profiler = Profiler::builder().testing().build();
        let (end, _, most) = answered(Get::new("/"), 2 * LIMIT, nodes.iter().cloned());
        assert!(end.unwrap().node().unwrap().children().count() > LIMIT / 20);
        assert!(tell("nodes", &nodes, most) <= 12.0);
    }
    {
        let _profiler = Profiler::builder().testing().build();
        let (end, _, most) = answered(users::List::default(), 2 * LIMIT, names.iter().cloned());
        assert!(end.unwrap().len() > LIMIT / 5);
        assert!(tell("users", &names, most) <= 24.0);
    }
    {
        let _profiler = Profiler::builder().testing().build();
        let (end, _, most) = answered(members::List::default(), 2 * LIMIT, list.iter().cloned());
        assert!(end.unwrap().len() > LIMIT / 12);
        assert!(tell("members", &list, most) <= 32.0);
    }
    {
        let _profiler = Profiler::builder().testing().build();
        let (end, _, most) = answered(GetMachines::default(), 2 * LIMIT, urls.iter().cloned());
        assert!(end.unwrap().len() > LIMIT / 3);
        assert!(tell("machines", &urls, most) <= 40.0);
    }

    // So of those there are no more than 4 MiB, whatever the policy allows.
    let large = document(5 << 20, r#"{"users":["#, r#""a","#, r#""a"]}"#);
    {
        let _profiler = Profiler::builder().testing().build();
        let (end, taken, most) = answered(users::List::default(), 64 << 20, large.iter().cloned());
        assert!(matches!(end.unwrap_err().kind(), ErrorKind::TooLarge { limit: 0x40_0000 }));
        assert!(taken > 5 << 20 && most <= 2 * taken, "{taken}, {most}");
    }
}
