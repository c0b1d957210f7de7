//! Having a say in what members advertise.

use std::fmt;
use std::sync::Arc;

/// What an advertised URL is mapped to; see [`Policy::map_url`](crate::Policy::map_url).
#[derive(Clone)]
pub struct MapUrl(Arc<Map>);

type Map = dyn Fn(&str) -> Option<String> + Send + Sync;

impl MapUrl {
    /// A mapping of URLs to other ones, or to none.
    pub fn new(map: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(map))
    }

    pub(crate) fn map(&self, url: &str) -> Option<String> {
        (self.0)(url)
    }
}

impl fmt::Debug for MapUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MapUrl").finish_non_exhaustive()
    }
}
