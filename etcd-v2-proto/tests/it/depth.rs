//! Ten thousand levels where there should be two, in a thread with next to no stack.

use std::thread;

use crate::properties::{answers, smaller};

const DEPTH: usize = 10_000;

/// The kinds of requests that read what they are answered.
const KINDS: [&str; 15] = [
    "members",
    "leader",
    "member",
    "user",
    "put-user",
    "grant",
    "role",
    "role-grant",
    "users",
    "roles",
    "auth",
    "self",
    "store",
    "followers",
    "health",
];

/// What nests, and what ends it.
const NESTS: [(&str, &str); 2] = [("[", "]"), (r#"[{"role":"#, "}]")];

fn in_a_small_stack(test: fn()) {
    let thread = thread::Builder::new().stack_size(64 << 10).spawn(test).expect("a thread");
    thread.join().expect("it does not panic");
}

/// Documents that are deep in this field, some of which are cut.
fn deep(field: &str) -> impl Iterator<Item = String> {
    NESTS.into_iter().flat_map(move |(open, close)| {
        let (open, close) = (open.repeat(DEPTH), close.repeat(DEPTH));
        let cut = format!(r#"{{"{field}":{open}"#);
        [format!("{cut}1{close}}}"), cut]
    })
}

#[test]
fn depth_costs_no_stack_in_answers_of_the_smaller_apis() {
    in_a_small_stack(|| {
        for kind in KINDS {
            for field in ["members", "users", "roles", "permissions", "health", "other"] {
                for document in deep(field) {
                    smaller::smaller_answer(format!("{kind} 200\n\n{document}").as_bytes());
                }
            }
        }
    });
}

#[test]
fn depth_costs_no_stack_in_refusals() {
    in_a_small_stack(|| {
        for field in ["errorCode", "message", "other"] {
            for document in deep(field) {
                answers::error_body(format!("500\n{document}").as_bytes());
            }
        }
    });
}
