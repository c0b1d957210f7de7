//! A driver that says anything. Shared with the fuzz targets.

use std::time::Duration;

use etcd_v2_proto::bytes::Bytes;
use etcd_v2_proto::http::{self, Response, StatusCode, header, response};
use etcd_v2_proto::{AbandonReason, Event, Failure, Reason, Stage};

/// What the driver of an exchange knows.
#[derive(Debug, Default)]
pub(crate) struct Driver {
    pub(crate) doing: Doing,
    /// Whether it is only the question for the leader.
    pub(crate) vetting: bool,
    /// Whether a head has come for any request.
    pub(crate) answered: bool,
    /// Whether some attempt may have been, or may yet be, carried out.
    pub(crate) maybe_applied: bool,
    /// The same before the answer at hand.
    maybe_applied_before: bool,
    /// What was given of its body.
    body: Vec<u8>,
    /// Whether the answer at hand is a success.
    pub(crate) success: bool,
    /// Whether some of that success was given.
    pub(crate) begun: bool,
    /// Whether all of the answer was given.
    pub(crate) complete: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Doing {
    #[default]
    Nothing,
    Sending,
    Reading,
    Waiting,
}

impl Driver {
    pub(crate) fn send(&mut self, request: &http::Request<Bytes>) {
        self.doing = Doing::Sending;
        self.vetting = request.uri().path() == "/v2/members/leader";
        (self.success, self.begun, self.complete) = (false, false, false);
        self.body.clear();
    }

    /// What follows from an event, or from none.
    pub(crate) fn hear(&mut self, event: Option<&Event>) {
        self.answered |= matches!((self.doing, event), (Doing::Sending, Some(Event::Head(_))));
        match (self.doing, event) {
            (Doing::Sending, Some(Event::Head(_))) if self.vetting => self.doing = Doing::Reading,
            (Doing::Sending | Doing::Reading, _) if self.vetting => {}
            (Doing::Sending, Some(Event::Head(head))) => {
                let status = head.status;
                self.success = status.is_success();
                let tried = status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED;
                self.maybe_applied_before = self.maybe_applied;
                self.maybe_applied |= self.success || tried;
                self.doing = Doing::Reading;
            }
            (Doing::Sending, Some(Event::Failed(failure))) => {
                self.maybe_applied |= failure.stage() == Stage::AfterSend;
            }
            // A limit, an event that makes no sense, or a request that was forgotten.
            (Doing::Sending, _) => self.maybe_applied = true,
            (Doing::Reading, Some(Event::Chunk(chunk))) => {
                self.begun |= self.success && !chunk.trim_ascii().is_empty();
                self.body.extend_from_slice(chunk);
            }
            (Doing::Reading, Some(Event::End)) => self.complete = true,
            _ => {}
        }
        if self.success && !self.vetting {
            // An error response is one, whatever its status.
            let is_refused = self.body.trim_ascii() == REFUSAL.as_bytes();
            self.maybe_applied = self.maybe_applied_before || !is_refused;
        }
    }
}

const STATUSES: [u16; 16] =
    [200, 200, 201, 204, 301, 303, 307, 400, 401, 404, 412, 421, 500, 501, 503, 200];

const REFUSAL: &str = r#"{"errorCode":401,"message":"outdated","index":2000}"#;

const CHUNKS: [&str; 8] = [
    r#"{"action":"set","node":{"key":"/a","value":"v","modifiedIndex":7,"createdIndex":7}}"#,
    r#"{"action":"get","node":{"key":"/a","#,
    r#""value":"v","modifiedIndex":9,"createdIndex":7}}"#,
    r#"{"errorCode":300,"message":"Raft Internal Error","index":0}"#,
    REFUSAL,
    "404 page not found\n",
    "\n",
    "",
];

/// What the driver says, if anything; time may pass meanwhile.
pub(crate) fn event(says: &[u8], doing: Doing, now: &mut Duration) -> Option<Event> {
    let (what, how) = (says[0], *says.get(1).unwrap_or(&0));
    // A pause is no request: nothing of it can have left.
    let late = how & 1 == 1 && doing != Doing::Waiting;
    let stage = if late { Stage::AfterSend } else { Stage::BeforeSend };
    Some(match what % 10 {
        0 => {
            *now += Duration::from_millis(u64::from(how) * 20);
            return None;
        }
        1 | 2 => Event::Head(head(how)),
        3 => Event::Chunk(Bytes::from_static(CHUNKS[usize::from(how) % 8].as_bytes())),
        4 => Event::Chunk(change(how).into()),
        5 => Event::End,
        6 if stage == Stage::BeforeSend => Event::Failed(Failure::before_send("refused")),
        6 => Event::Failed(Failure::after_send("reset")),
        7 => Event::Failed(Failure::timed_out(stage)),
        8 => {
            let reason = match how & 6 {
                0 => Reason::Stopped,
                2 => Reason::Leave(AbandonReason::LeaderChanged),
                4 => Reason::Leave(AbandonReason::OtherLeader),
                _ => Reason::Leave(AbandonReason::NoLeader { waited: *now }),
            };
            Event::Failed(Failure::interrupted(stage, reason))
        }
        _ => {
            *now += Duration::from_millis(u64::from(how) * 4);
            Event::Elapsed
        }
    })
}

/// A change of the key itself, of one below it, or of another one.
fn change(how: u8) -> String {
    let key = ["/a", "/a/b", "/a/_hidden", "/ab"][usize::from(how) % 4];
    format!(r#"{{"action":"set","node":{{"key":"{key}","modifiedIndex":{how},"createdIndex":1}}}}"#)
}

fn head(how: u8) -> response::Parts {
    let status = STATUSES[usize::from(how) % 16];
    let targets =
        ["/v2/keys/b", "http://b:2/v2/keys/a", "https://elsewhere/", "//", "http://[", ""];
    let target = targets[usize::from(how >> 4) % targets.len()];
    let answer = Response::builder().status(status).header("X-Etcd-Index", u64::from(how));
    let answer = if target.is_empty() { answer } else { answer.header(header::LOCATION, target) };
    answer.body(()).expect("a head").into_parts().0
}
