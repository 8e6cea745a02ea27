//! DescribeCluster: the brokers, or the controllers.

use std::sync::Arc;

use ::metadata::BrokerRegistration;
use protocol::{
    BrokerId, ErrorCode,
    api::describe_cluster::{
        DescribeClusterBroker, DescribeClusterRequest, DescribeClusterResponse,
    },
};

use crate::{
    api::metadata::one_for_the_controller,
    broker::{Broker, Operation, Resource},
    server::request_context::{ListenerKind, RequestContext},
};

const BROKERS: i8 = 1;
const CONTROLLERS: i8 = 2;

pub(super) async fn handle(
    broker: Arc<Broker>,
    context: RequestContext,
    request: DescribeClusterRequest,
) -> DescribeClusterResponse {
    let refused = |error_code, message: &str| DescribeClusterResponse {
        error_code,
        error_message: Some(message.to_owned()),
        endpoint_type: request.endpoint_type,
        controller_id: BrokerId(-1),
        ..DescribeClusterResponse::default()
    };
    let own = match context.connection.kind {
        ListenerKind::Broker => BROKERS,
        ListenerKind::Controller => CONTROLLERS,
    };
    match request.endpoint_type {
        BROKERS | CONTROLLERS if request.endpoint_type != own => {
            let message = "The request was sent to an endpoint of the wrong type";
            return refused(ErrorCode::MismatchedEndpointType, message);
        }
        BROKERS | CONTROLLERS => {}
        _ => return refused(ErrorCode::UnsupportedEndpointType, "Unsupported endpoint type"),
    }
    let operations = match request.include_cluster_authorized_operations {
        false => i32::MIN,
        true if !broker.authorize(&context, Operation::Describe, Resource::Cluster) => 0,
        true => broker.authorized_operations(&context, Resource::Cluster),
    };
    let (controller_id, brokers) = match context.connection.kind {
        ListenerKind::Broker => brokers(&broker, &context, request.include_fenced_brokers),
        ListenerKind::Controller => controllers(&broker),
    };
    DescribeClusterResponse {
        endpoint_type: request.endpoint_type,
        cluster_id: broker.cluster_id.clone(),
        controller_id,
        brokers,
        cluster_authorized_operations: operations,
        ..DescribeClusterResponse::default()
    }
}

fn brokers(
    broker: &Broker,
    context: &RequestContext,
    include_fenced: bool,
) -> (BrokerId, Vec<DescribeClusterBroker>) {
    let image = broker.image.load();
    let reached = |registration: &BrokerRegistration| {
        let endpoint = registration.endpoint(&context.connection.listener)?;
        Some(DescribeClusterBroker {
            broker_id: registration.id,
            host: endpoint.host.clone(),
            port: i32::from(endpoint.port),
            rack: registration.rack.clone(),
            is_fenced: registration.fenced,
        })
    };
    let brokers: Vec<_> = image
        .brokers()
        .iter()
        .filter(|registration| include_fenced || !registration.fenced)
        .filter_map(reached)
        .collect();
    let live = brokers.iter().filter(|broker| !broker.is_fenced).map(|broker| broker.broker_id);
    (one_for_the_controller(broker, live), brokers)
}

fn controllers(broker: &Broker) -> (BrokerId, Vec<DescribeClusterBroker>) {
    let Ok(controller) = broker.controller() else { return (BrokerId(-1), Vec::new()) };
    let quorum = controller.quorum();
    let voters = quorum.voters.iter().map(|(key, voter)| DescribeClusterBroker {
        broker_id: key.node_id,
        host: voter.endpoint.host.clone(),
        port: i32::from(voter.endpoint.port),
        ..DescribeClusterBroker::default()
    });
    (quorum.leader.map_or(BrokerId(-1), |leader| leader.node_id), voters.collect())
}
