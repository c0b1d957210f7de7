//! What each fuzz target does with any bytes: the same as the ordinary tests, whose modules these are.

#[path = "../../tests/it/properties/answers.rs"]
mod answers;
#[path = "../../tests/it/properties/driver.rs"]
mod driver;
#[path = "../../tests/it/properties/events.rs"]
mod events;
#[path = "../../tests/it/properties/evidence.rs"]
mod evidence;
#[path = "../../tests/it/mirror/follower.rs"]
mod follower;
#[path = "../../tests/it/properties/given.rs"]
mod given;
#[path = "../../tests/it/properties/heads.rs"]
mod heads;
#[path = "../../tests/it/properties/histories.rs"]
mod histories;
#[path = "../../tests/it/properties/key_check.rs"]
mod key_check;
#[path = "../../tests/it/properties/keys.rs"]
mod keys;
#[path = "../../tests/it/properties/membership.rs"]
mod membership;
#[path = "../../tests/it/model.rs"]
mod model;
#[path = "../../tests/it/mirror/play.rs"]
mod play;
#[path = "../../tests/it/properties/shown.rs"]
mod shown;
#[path = "../../tests/it/properties/smaller.rs"]
mod smaller;
#[path = "../../tests/it/properties/targets.rs"]
mod targets;
#[path = "../../tests/it/properties/witness.rs"]
mod witness;

macro_rules! targets {
    ($($(#[$doc:meta])* $name:ident = $module:ident;)*) => {$(
        $(#[$doc])*
        pub fn $name(data: &[u8]) {
            $module::$name(data);
        }
    )*};
}

targets! {
    /// Refusals with any body.
    error_body = answers;
    /// Drivers that say anything, to exchanges and watches.
    events = events;
    /// Any success of any request, whole or cut: what counts as applied.
    evidence_check = evidence;
    /// Any text as a name, a password or an address: what becomes of it in the head of a request.
    heads = heads;
    /// A success about any key, with any action.
    key_check = key_check;
    /// Any text as a key.
    key_to_request = keys;
    /// Any answer to any request of the keys API.
    keys_answer = answers;
    /// Redirects to anywhere.
    location = targets;
    /// Any list of members, told by any endpoint.
    membership = membership;
    /// A mirror of a server that is written to while things go wrong.
    mirror = play;
    /// Any password: whether it is shown anywhere.
    secrets = shown;
    /// Any answer to any request of the smaller APIs.
    smaller_answer = smaller;
    /// A watch of a server that is written to while things go wrong.
    watch = histories;
}
