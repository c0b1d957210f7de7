//! The members API as methods.

use etcd_v2_proto::members::{Add, Leader, List, Member, Remove, Update};

use super::{methods, view};

view! {
    /// The members API: who is in the cluster. See [`members`](etcd_v2_proto::members).
    Members, BlockingMembers
}

methods! {
    Members, BlockingMembers, send;

    /// Lists the members. See [`List`].
    fn list() -> Vec<Member> = List::default();

    /// Names the leader. See [`Leader`].
    fn leader() -> Member = Leader::default();

    /// Adds a member with these peer URLs. See [`Add`].
    fn add(peer_urls: impl IntoIterator<Item = impl Into<String>>) -> Member = Add::new(peer_urls);

    /// Gives a member other peer URLs. See [`Update`].
    fn update(
        id: impl Into<String>, peer_urls: impl IntoIterator<Item = impl Into<String>>
    ) -> () = Update::new(id, peer_urls);

    /// Removes a member, for ever. See [`Remove`].
    fn remove(id: impl Into<String>) -> () = Remove::new(id);
}
