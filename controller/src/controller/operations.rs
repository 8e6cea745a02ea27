//! For those who watch over the cluster: what happened, and how often.

use protocol::ErrorCode;

use super::Controller;
use crate::{
    DecisionCounts,
    events::{ClusterEventsRequest, ClusterEventsResponse},
};

impl Controller {
    /// What happened to the cluster. Every controller could tell; the active one has heard of it
    /// last.
    ///
    /// # Errors
    /// NOT_CONTROLLER.
    pub fn cluster_events(
        &self,
        request: &ClusterEventsRequest,
    ) -> Result<ClusterEventsResponse, ErrorCode> {
        self.quorum.active().ok_or(ErrorCode::NotController)?;
        Ok(self.events.answer(request))
    }

    /// How often this node has decided what is counted, as the active controller.
    #[must_use]
    pub fn decision_counts(&self) -> DecisionCounts {
        self.decided.read()
    }
}
