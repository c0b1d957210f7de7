//! The endpoints of a cluster with the state of each.

use std::sync::Arc;

use super::EndpointState;
use crate::endpoint::Endpoint;

/// All endpoints, each with its state. Never empty.
#[derive(Debug)]
pub(super) struct EndpointTable {
    pub(super) endpoints: Vec<Endpoint>,
    pub(super) states: Vec<Arc<EndpointState>>,
}

impl EndpointTable {
    /// Endpoints with new states.
    pub(super) fn new(endpoints: Vec<Endpoint>) -> Self {
        let states = endpoints.iter().map(|_| Arc::default()).collect();
        Self { endpoints, states }
    }

    /// A single endpoint.
    pub(super) fn only(endpoint: Endpoint, state: Arc<EndpointState>) -> Self {
        Self { endpoints: vec![endpoint], states: vec![state] }
    }

    /// Other endpoints. Those that are in both keep their state.
    pub(super) fn replaced(&self, endpoints: Vec<Endpoint>) -> Self {
        let state = |endpoint| self.state_of(endpoint).cloned().unwrap_or_default();
        let states = endpoints.iter().map(state).collect();
        Self { endpoints, states }
    }

    /// The index of this endpoint, if it is in the table.
    pub(super) fn position(&self, endpoint: &Endpoint) -> Option<usize> {
        self.endpoints.iter().position(|own| own == endpoint)
    }

    pub(super) fn state_of(&self, endpoint: &Endpoint) -> Option<&Arc<EndpointState>> {
        self.position(endpoint).map(|at| &self.states[at])
    }
}
