//! The answers, as serde makes them out of the box.

use serde::Deserialize;

#[derive(Debug, Deserialize)]
pub(crate) struct Answer {
    pub(crate) action: String,
    pub(crate) node: Node,
    #[serde(rename = "prevNode")]
    pub(crate) previous: Option<Node>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Node {
    pub(crate) key: Option<String>,
    pub(crate) value: Option<String>,
    #[serde(default)]
    pub(crate) dir: bool,
    #[serde(default)]
    pub(crate) nodes: Vec<Self>,
    pub(crate) created_index: Option<u64>,
    pub(crate) modified_index: Option<u64>,
    pub(crate) expiration: Option<String>,
    pub(crate) ttl: Option<i64>,
}

impl Node {
    /// Looks at everything, so that nothing is optimised away.
    pub(crate) fn leaves(&self) -> usize {
        let all = (&self.key, &self.value, self.created_index, self.modified_index);
        std::hint::black_box((all, &self.expiration, self.ttl));
        if self.dir { self.nodes.iter().map(Self::leaves).sum() } else { 1 }
    }
}
