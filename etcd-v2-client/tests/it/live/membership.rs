//! Who is in a cluster, and changes of that.

use std::collections::BTreeSet;

use etcd_v2_client::members::Member;
use etcd_v2_client::{Error, Outcome};

use super::patience::until;
use super::servers;
use super::space::Space;
use super::views::Members;

both! {
    changing:
    members_say_who_they_are,
    a_member_is_added_moved_and_removed,
    a_peer_url_belongs_to_one_member,
    members_that_are_not_there_are_not_found,
    a_cluster_without_a_quorum_has_no_leader,
}

/// Nobody listens there.
const NOWHERE: [&str; 1] = ["http://127.0.0.1:1"];
const ELSEWHERE: [&str; 1] = ["http://127.0.0.1:2"];

fn status(error: &Error) -> u16 {
    error.api().unwrap().status.as_u16()
}

/// Changes who is in the cluster. A server refuses that until all members have been connected for some
/// seconds, and says so with status 500 and no reason.
fn settled<T>(mut change: impl FnMut() -> Result<T, Error>) -> Result<T, Error> {
    let mut result = None;
    until("the cluster may be changed", || {
        let now = change();
        let refused = now.as_ref().is_err_and(|error| error.outcome() == Outcome::Unknown);
        result = Some(now);
        !refused
    });
    result.unwrap()
}

/// What a test that failed may have left behind is removed. A member that has no name yet may also be
/// one of the three, of which the member that is asked has not heard yet.
fn three(members: Members<'_>) -> Vec<Member> {
    let is_left = |member: &&Member| [NOWHERE, ELSEWHERE].iter().any(|url| member.peer_urls == url);
    for member in members.list().unwrap().iter().filter(is_left) {
        settled(|| members.remove(&member.id)).unwrap();
    }
    let mut three = Vec::new();
    until("all three have started", || {
        three = members.list().unwrap();
        three.iter().all(Member::has_started)
    });
    assert_eq!(three.len(), 3);
    three
}

fn members_say_who_they_are(space: &Space) {
    let cluster = servers::lock_changing();
    let members = Members(&space.client);
    let mut list = three(members);
    let number = |member: &Member| u64::from_str_radix(&member.id, 16).unwrap();
    assert!(list.is_sorted_by_key(number), "as numbers, since none begins with zeros: {list:?}");
    let mut leader = None;
    until("there is a leader", || {
        leader = members.leader().ok();
        leader.is_some()
    });
    assert!(list.contains(&leader.unwrap()));

    let peers: BTreeSet<_> = list.iter().flat_map(|member| &member.peer_urls).collect();
    assert_eq!(peers.len(), 3);
    list.sort_by(|a, b| a.name.cmp(&b.name));
    for (number, (member, endpoint)) in list.iter().zip(cluster.endpoints()).enumerate() {
        assert_eq!(member.name, format!("member{number}"));
        assert_eq!(member.client_urls, [endpoint]);
    }
}

fn a_member_is_added_moved_and_removed(space: &Space) {
    let _cluster = servers::lock_changing();
    let members = Members(&space.client);
    let before = three(members);

    let added = settled(|| members.add(NOWHERE)).unwrap();
    assert!(!added.has_started());
    assert_eq!((added.name.as_str(), added.client_urls.len()), ("", 0));
    assert_eq!(added.peer_urls, NOWHERE);
    let find = || members.list().unwrap().into_iter().find(|member| member.id == added.id);
    until("all members know", || find().is_some());
    assert_eq!(find().as_ref(), Some(&added), "one that has not started is listed as it was added");

    // The server takes identities in any form of hexadecimal digits.
    settled(|| members.update(&added.id.to_uppercase(), ELSEWHERE)).unwrap();
    assert_eq!(find().unwrap().peer_urls, ELSEWHERE);

    settled(|| members.remove(&added.id)).unwrap();
    assert_eq!(members.list().unwrap(), before);
    let error = settled(|| members.remove(&added.id)).unwrap_err();
    assert!(error.is_gone() && !error.is_member_not_found(), "{error}");
    assert_eq!((status(&error), error.outcome()), (410, Outcome::Rejected));
}

fn a_peer_url_belongs_to_one_member(space: &Space) {
    let _cluster = servers::lock_changing();
    let members = Members(&space.client);
    let three = three(members);
    let taken = [three[0].peer_urls[0].as_str()];

    let error = settled(|| members.add(taken)).unwrap_err();
    assert_eq!((status(&error), error.outcome()), (409, Outcome::Rejected), "{error}");
    let error = settled(|| members.update(&three[1].id, taken)).unwrap_err();
    assert_eq!((status(&error), error.outcome()), (409, Outcome::Rejected), "{error}");
    assert!(!error.is_gone() && !error.is_member_not_found() && !error.may_have_applied());
    assert_eq!(members.list().unwrap(), three);
}

fn members_that_are_not_there_are_not_found(space: &Space) {
    let _cluster = servers::lock_changing();
    let members = Members(&space.client);
    three(members);
    for error in [
        settled(|| members.remove("beef")).unwrap_err(),
        settled(|| members.update("beef", NOWHERE)).unwrap_err(),
    ] {
        assert!(error.is_member_not_found() && !error.is_gone(), "{error}");
        assert!(!error.is_user_not_found() && !error.is_role_not_found());
        assert!(!error.is_key_not_found(), "another API's 404: {error}");
        assert_eq!((status(&error), error.outcome()), (404, Outcome::Rejected));
    }
    // These would lead elsewhere, and are not sent at all.
    for id in ["", "..", "beef/../beef", "member0"] {
        let error = members.remove(id).unwrap_err();
        assert_eq!(error.outcome(), Outcome::NotSent, "{id:?}: {error}");
    }
    for url in ["", "127.0.0.1:1", "ftp://127.0.0.1:1", "http://127.0.0.1", "http://127.0.0.1:1/a"]
    {
        let error = members.add([url]).unwrap_err();
        assert_eq!(error.outcome(), Outcome::NotSent, "{url:?}: {error}");
    }
}

fn a_cluster_without_a_quorum_has_no_leader(space: &Space) {
    let mut cluster = servers::lock_three();
    let alone = space.client.at([&cluster.endpoints()[0]]);
    for member in &mut cluster.members()[1..] {
        member.kill9().unwrap();
    }
    until("nobody leads", || {
        Members(&alone).leader().is_err_and(|error| {
            assert!(error.is_no_leader(), "{error}");
            true
        })
    });
    assert_eq!(Members(&alone).list().unwrap().len(), 3, "who is in the cluster is still known");
    for member in &mut cluster.members()[1..] {
        member.restart().unwrap();
    }
    until("somebody leads", || Members(&alone).leader().is_ok());
}
