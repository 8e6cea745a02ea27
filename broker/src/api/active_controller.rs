//! What only the controller in charge decides: a broker forwards it there, a controller that isn't
//! active refuses it.
//!
//! Who may ask is judged once, where it's decided: a forwarded request carries its principal.

use std::sync::atomic::Ordering;

use ::metadata::ClusterImage;
use controller::Controller;
use protocol::{ErrorCode, Request};

use crate::{
    broker::{Broker, Operation, Resource},
    server::request_context::{ListenerKind, RequestContext},
};

/// Has a request decided.
///
/// `decide` judges who may ask, and asks the controller in this process. A broker asks the active
/// one, and answers when its own image shows what the response says, so that a client may go on
/// with it at once; within a bound.
pub(super) async fn decide_or_forward<R: Request>(
    broker: &Broker,
    context: &RequestContext,
    request: R,
    decide: impl AsyncFnOnce(&Controller, R) -> Result<R::Response, ErrorCode>,
    shows: impl Fn(&ClusterImage, &R::Response) -> bool,
) -> Result<R::Response, ErrorCode> {
    match context.connection.kind {
        ListenerKind::Controller => {
            let decided = decide(broker.controller()?, request).await;
            if let (Err(ErrorCode::NotController), Some(misdirected)) =
                (&decided, &context.misdirected)
            {
                misdirected.store(true, Ordering::SeqCst);
            }
            decided
        }
        ListenerKind::Broker => {
            let response = broker.forward(context, &request, context.api_version).await?;
            broker.until_image_shows(|image| shows(image, &response)).await;
            Ok(response)
        }
    }
}

/// The controller in this process, for requests that only nodes of the cluster may send.
///
/// # Errors
/// CLUSTER_AUTHORIZATION_FAILED, NOT_CONTROLLER.
pub(super) fn controller_for_nodes<'a>(
    broker: &'a Broker,
    context: &RequestContext,
) -> Result<&'a Controller, ErrorCode> {
    if !broker.authorize(context, Operation::ClusterAction, Resource::Cluster) {
        return Err(ErrorCode::ClusterAuthorizationFailed);
    }
    broker.controller()
}
