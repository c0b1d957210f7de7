//! Writing a user after a look at who is there.
//!
//! | state | how it ends | next |
//! |---|---|---|
//! | looking | the user is there | [`AddUser`]: failed; [`ChangePassword`]: writing |
//! | looking | the user is not there | [`AddUser`]: writing; [`ChangePassword`]: failed |
//! | looking | otherwise | failed |
//! | writing | | what the server says |
//!
//! The race that remains is told at the public types.

use std::fmt;
use std::time::Duration;

use crate::cluster::Detour;
use crate::conversation::{Action, Conversation, Event};
use crate::error::{Error, ErrorKind, Outcome};
use crate::exchange::Exchange;
use crate::monitor::Pending;
use crate::request::Request;
use crate::start::Start;

use super::users::{Get, Put, Written};

/// Creates a user, unless there is one, which is a [conflict](Error::is_conflict) then.
///
/// The server writes a user who is there as readily as one who is not, so this asks for the user first, and
/// writes only if the answer is that there is none. The user is written where the question was answered.
///
/// **A race remains**, since the server cannot do both at once: if somebody else creates the user between
/// the look and the write, that user's password is overwritten. [`Written::created`] is false then. A user
/// who is created with [roles](Put::roles) needs no look and has no race: the server itself refuses to
/// overwrite, with status 409.
#[derive(Debug)]
pub struct AddUser(Checked);

/// Changes the password of a user, if there is one: otherwise status 404,
/// [`Error::is_user_not_found`].
///
/// The server would create a user who is not there, so this asks for the user first, and writes only if
/// there is one. The password is written where the question was answered.
///
/// **A race remains**, since the server cannot do both at once: if somebody else removes the user between
/// the look and the write, the user is created anew, without roles. [`Written::created`] is true then.
#[derive(Debug)]
pub struct ChangePassword(Checked);

impl AddUser {
    /// Creates this user.
    #[must_use]
    pub fn new(put: Put, start: Start) -> Self {
        Self(Checked::new(put, start, Presence::Absent))
    }
}

impl ChangePassword {
    /// Changes the password of this user.
    #[must_use]
    pub fn new(user: impl Into<String>, password: impl Into<String>, start: Start) -> Self {
        Self(Checked::new(Put::new(user, password), start, Presence::Present))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Presence {
    Present,
    Absent,
}

struct Checked {
    start: Start,
    put: Put,
    wanted: Presence,
    state: State,
}

enum State {
    Looking(Box<Exchange<Get>>),
    Writing(Box<Exchange<Put>>),
    Failed(Error),
    Over,
}

impl Checked {
    fn new(put: Put, mut start: Start, wanted: Presence) -> Self {
        let now = start.now;
        let state = match put.encode() {
            // What could not be written afterwards is not worth a look.
            Err(invalid) => State::Failed(Error::new(invalid)),
            Ok(_) if put.has_roles() => State::Writing(Box::new(start.exchange(put.clone(), now))),
            Ok(_) => State::Looking(Box::new(start.exchange(Get::new(put.user()), now))),
        };
        Self { start, put, wanted, state }
    }

    /// What follows from the look.
    fn looked(&mut self, now: Duration, presence: Result<Presence, Error>) -> State {
        match (presence, self.wanted) {
            (Ok(found), wanted) if found == wanted => {
                State::Writing(Box::new(self.start.exchange(self.put.clone(), now)))
            }
            (Ok(_), _) => {
                // The route begins where the look was answered.
                let endpoint = self.start.route.endpoint(0).clone();
                let kind = ErrorKind::UserExists { user: self.put.user().to_owned() };
                let outcome = Outcome::Rejected;
                State::Failed(Error::of_call(kind, outcome, true, Some(endpoint), Vec::new()))
            }
            (Err(error), _) => State::Failed(error),
        }
    }

    fn poll(&mut self, now: Duration) -> Action<Written> {
        loop {
            let presence = match &mut self.state {
                State::Looking(look) => match look.poll(now).ended() {
                    Ok(Ok(_)) => Ok(Presence::Present),
                    // The user is there, but holds a role that is not.
                    Ok(Err(error)) if error.is_role_not_found() => Ok(Presence::Present),
                    Ok(Err(error))
                        if error.is_user_not_found() && self.wanted == Presence::Absent =>
                    {
                        Ok(Presence::Absent)
                    }
                    Ok(Err(error)) => Err(error),
                    Err(action) => return action,
                },
                State::Writing(write) => return write.poll(now),
                State::Failed(_) => match std::mem::replace(&mut self.state, State::Over) {
                    State::Failed(error) => return Action::Finish(Err(error)),
                    _ => return Action::Finish(Ok(())),
                },
                State::Over => return Action::Finish(Ok(())),
            };
            if let State::Looking(look) = &self.state {
                self.start.follow(look, now);
            }
            self.state = self.looked(now, presence);
        }
    }

    fn handle(&mut self, now: Duration, event: Event) {
        match &mut self.state {
            State::Looking(look) => look.handle(now, event),
            State::Writing(write) => write.handle(now, event),
            State::Failed(_) | State::Over => {}
        }
    }

    fn detour(&self, now: Duration) -> Option<Detour> {
        match &self.state {
            State::Looking(look) => look.detour(now),
            State::Writing(write) => write.detour(now),
            State::Failed(_) | State::Over => None,
        }
    }

    fn pending(&self) -> Option<Pending<'_>> {
        match &self.state {
            State::Looking(look) => look.pending(),
            State::Writing(write) => write.pending(),
            State::Failed(_) | State::Over => None,
        }
    }
}

impl fmt::Debug for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checked").field("put", &self.put).finish_non_exhaustive()
    }
}

macro_rules! conversation {
    ($($name:ident),*) => {$(
        impl Conversation for $name {
            type Item = Written;

            fn poll(&mut self, now: Duration) -> Action<Written> {
                self.0.poll(now)
            }

            fn handle(&mut self, now: Duration, event: Event) {
                self.0.handle(now, event);
            }

            fn detour(&self, now: Duration) -> Option<Detour> {
                self.0.detour(now)
            }

            fn pending(&self) -> Option<Pending<'_>> {
                self.0.pending()
            }
        }
    )*};
}

conversation!(AddUser, ChangePassword);
