//! How fresh the answers of reads are.

/// How fresh the answers of reads are to be; see [`Policy::consistency`](crate::Policy::consistency).
///
/// It is about reads of keys, [`keys::Get`](crate::keys::Get). A read that says
/// [`quorum`](crate::keys::Get::quorum) or [`local`](crate::keys::Get::local) itself has the last word. Writes
/// always go through consensus. Waits never do, since etcd makes a plain read of a wait with `quorum`; a
/// [watch](crate::Watch) has an order of its own, in which it does not go back.
///
/// | | costs | a read may miss |
/// |---|---|---|
/// | [`Local`](Self::Local) | nothing | whatever the asked member has not got yet: all of it while that is cut off |
/// | [`Monotonic`](Self::Monotonic) | nothing, or another attempt where a member is behind | what others wrote since this client last heard of anything |
/// | [`Quorum`](Self::Quorum) | consensus, as much as a write; needs a majority | nothing |
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Consistency {
    /// As the asked member has it, which may be behind the others, as in Go.
    #[default]
    Local,
    /// As the asked member has it, but never older than what this client and its clones have seen before,
    /// their own writes included.
    ///
    /// The index and the term in the heads of answers tell. A member that is behind is left for the next one,
    /// [`ErrorKind::Stale`](crate::ErrorKind::Stale); if nobody is so far until the deadline, that is the
    /// error of the call. What has not been seen before cannot be missed: a client that has just begun is
    /// content with any answer.
    Monotonic,
    /// Through consensus (`quorum=true`): as all writes left it that ended before the read began.
    Quorum,
}
