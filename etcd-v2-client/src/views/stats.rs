//! Statistics as methods.

use etcd_v2_proto::stats::{LeaderStats, MemberStats, OfLeader, OfMember, OfStore, StoreStats};

use super::{methods, view};

view! {
    /// Statistics of the member that answers. See [`stats`](etcd_v2_proto::stats).
    Stats, BlockingStats
}

methods! {
    Stats, BlockingStats, send;

    /// What the member says of itself. See [`OfMember`].
    fn member() -> MemberStats = OfMember::default();

    /// How often its store did what. See [`OfStore`].
    fn store() -> StoreStats = OfStore::default();

    /// How the leader sees its followers. Asks the endpoints in turn until it is the leader's. See
    /// [`OfLeader`].
    fn leader() -> LeaderStats = OfLeader::default();
}
