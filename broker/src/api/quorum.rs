//! The raft messages of the controller quorum (ours): handed to the controller as they are.

use std::sync::Arc;

use controller::{
    founding::{VoterIdentityRequest, VoterIdentityResponse},
    message::{
        append::{RaftAppendRequest, RaftAppendResponse},
        snapshot::{RaftSnapshotRequest, RaftSnapshotResponse},
        vote::{RaftVoteRequest, RaftVoteResponse},
    },
};

use crate::{
    api::active_controller::controller_for_nodes, broker::Broker,
    server::request_context::RequestContext,
};

pub(super) async fn append(
    broker: Arc<Broker>,
    context: RequestContext,
    request: RaftAppendRequest,
) -> RaftAppendResponse {
    match controller_for_nodes(&broker, &context) {
        Ok(controller) => controller.raft_append(request).await,
        Err(error_code) => RaftAppendResponse { error_code, ..RaftAppendResponse::default() },
    }
}

pub(super) async fn vote(
    broker: Arc<Broker>,
    context: RequestContext,
    request: RaftVoteRequest,
) -> RaftVoteResponse {
    match controller_for_nodes(&broker, &context) {
        Ok(controller) => controller.raft_vote(request).await,
        Err(error_code) => RaftVoteResponse { error_code, ..RaftVoteResponse::default() },
    }
}

pub(super) async fn snapshot(
    broker: Arc<Broker>,
    context: RequestContext,
    request: RaftSnapshotRequest,
) -> RaftSnapshotResponse {
    match controller_for_nodes(&broker, &context) {
        Ok(controller) => controller.raft_snapshot(request).await,
        Err(error_code) => RaftSnapshotResponse { error_code, ..RaftSnapshotResponse::default() },
    }
}

pub(super) async fn identity(
    broker: Arc<Broker>,
    context: RequestContext,
    request: VoterIdentityRequest,
) -> VoterIdentityResponse {
    let answered = async { controller_for_nodes(&broker, &context)?.voter_identity(request).await };
    answered.await.unwrap_or_else(|error_code| VoterIdentityResponse {
        error_code,
        ..VoterIdentityResponse::default()
    })
}
