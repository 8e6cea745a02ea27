//! Envelope (KIP-590): a request that a broker forwards in its client's name.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use protocol::{
    ApiKey, ErrorCode, Reader, RequestHeader, Stored,
    api::envelope::{EnvelopeRequest, EnvelopeResponse},
};

use tracing::debug;

use crate::{
    api::{Incoming, Served, active_controller::controller_for_nodes},
    server::{
        answer::Answer,
        connection::Outcome,
        request_context::{ListenerKind, Principal},
    },
};

/// What brokers forward: what only the active controller may decide, or knows.
const FORWARDED: &[ApiKey] = &[
    ApiKey::CreateTopics,
    ApiKey::DeleteTopics,
    ApiKey::CreatePartitions,
    ApiKey::ElectLeaders,
    ApiKey::IncrementalAlterConfigs,
    ApiKey::DescribeQuorum,
    ApiKey::UpdateFeatures,
    ApiKey::ClusterEvents,
];

pub(super) async fn start(mut incoming: Incoming) -> Outcome {
    let envelope: EnvelopeRequest = match incoming.decode() {
        Ok(envelope) => envelope,
        Err(refused) => return refused,
    };
    let (correlation_id, version) = (incoming.header.correlation_id, incoming.header.api_version);
    let response = match unwrap(incoming, envelope) {
        Err(error_code) => error(error_code),
        Ok((inner, misdirected)) => match inner.dispatch().await {
            // As Kafka has it: the broker, and not its client, looks for the active controller.
            Outcome::Answer(_) if misdirected.load(Ordering::SeqCst) => {
                error(ErrorCode::NotController)
            }
            Outcome::Answer(answer) => EnvelopeResponse {
                response_data: Some(answer.into_bytes()),
                ..EnvelopeResponse::default()
            },
            // Other clients' requests come over the same connection: it stays.
            Outcome::Close(reason) => {
                debug!(reason, "forwarded request refused");
                error(ErrorCode::InvalidRequest)
            }
            // What is forwarded is answered at once.
            Outcome::Later(_) | Outcome::Nothing => error(ErrorCode::UnknownServerError),
        },
    };
    Outcome::Answer(Answer::new(correlation_id, version, &response))
}

fn error(error_code: ErrorCode) -> EnvelopeResponse {
    EnvelopeResponse { error_code, ..EnvelopeResponse::default() }
}

fn unwrap(
    outer: Incoming,
    envelope: EnvelopeRequest,
) -> Result<(Incoming, Arc<AtomicBool>), ErrorCode> {
    controller_for_nodes(&outer.broker, &outer.context)?;
    let principal = envelope.request_principal.ok_or(ErrorCode::PrincipalDeserializationFailure)?;
    let principal =
        Principal::from_bytes(principal).map_err(|_| ErrorCode::PrincipalDeserializationFailure)?;
    let bytes = envelope.request_data;
    let mut body = Reader::new(bytes.clone());
    let header = RequestHeader::read(&mut body).map_err(|_| ErrorCode::InvalidRequest)?;
    if !FORWARDED.iter().any(|key| *key as i16 == header.api_key) {
        return Err(ErrorCode::InvalidRequest);
    }
    let served = Served::find(ListenerKind::Controller, header.api_key);
    if !served.is_some_and(|served| served.versions.contains(&header.api_version)) {
        return Err(ErrorCode::UnsupportedVersion);
    }
    let mut context = outer.context;
    context.principal = principal;
    context.client_id.clone_from(&header.client_id);
    context.correlation_id = header.correlation_id;
    context.api_version = header.api_version;
    let misdirected = Arc::<AtomicBool>::default();
    context.misdirected = Some(Arc::clone(&misdirected));
    Ok((Incoming { broker: outer.broker, context, header, bytes, body }, misdirected))
}
