//! FindCoordinator: which broker coordinates a group or a transaction.
//!
//! Until groups exist the honest answer is that no coordinator is available. Clients retry it.

use std::sync::Arc;

use protocol::{
    BrokerId, ErrorCode,
    api::find_coordinator::{
        Coordinator, FindCoordinatorRequest, FindCoordinatorResponse, KEY_TRANSACTION,
    },
};

use crate::{
    broker::{Broker, Operation, Resource},
    server::request_context::RequestContext,
};

const NONE_YET: &str = "this version has no group and transaction coordinators yet";

pub(super) async fn handle(
    broker: Arc<Broker>,
    context: RequestContext,
    request: FindCoordinatorRequest,
) -> FindCoordinatorResponse {
    let find = |key: String| {
        let (error_code, message) = match refusal(&broker, &context, request.key_type, &key) {
            Some(error) => (error, None),
            None => (ErrorCode::CoordinatorNotAvailable, Some(NONE_YET.to_owned())),
        };
        Coordinator {
            key,
            node_id: BrokerId(-1),
            port: -1,
            error_code,
            error_message: message,
            ..Coordinator::default()
        }
    };
    // Which of the two forms is written is the version's business.
    let single = find(request.key);
    FindCoordinatorResponse {
        error_code: single.error_code,
        error_message: single.error_message,
        node_id: single.node_id,
        port: single.port,
        coordinators: request.coordinator_keys.into_iter().map(find).collect(),
        ..FindCoordinatorResponse::default()
    }
}

fn refusal(
    broker: &Broker,
    context: &RequestContext,
    key_type: i8,
    key: &str,
) -> Option<ErrorCode> {
    let (resource, error) = match key_type {
        KEY_TRANSACTION => {
            (Resource::TransactionalId(key), ErrorCode::TransactionalIdAuthorizationFailed)
        }
        _ => (Resource::Group(key), ErrorCode::GroupAuthorizationFailed),
    };
    (!broker.authorize(context, Operation::Describe, resource)).then_some(error)
}
