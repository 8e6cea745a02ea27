//! Who asks: the connection's listener and principal, and the client's name for itself.
//!
//! Every API asks [`crate::broker::Broker::authorize`] with this context. Until ACLs exist the
//! answer is yes, but the question is asked from the first request on.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, atomic::AtomicBool},
};

use protocol::{BrokerEpoch, BrokerId, CorrelationId, RequestHeader};

/// Which requests a listener answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ListenerKind {
    /// What clients and other brokers ask of a broker.
    Broker,
    /// What brokers and other controllers ask of a controller.
    Controller,
}

/// What is known of a connection before its first request.
#[derive(Debug)]
pub(crate) struct ConnectionContext {
    pub(crate) peer: SocketAddr,
    pub(crate) kind: ListenerKind,
    /// The listener's name: what Metadata answers depends on it.
    pub(crate) listener: String,
    pub(crate) principal: Principal,
    /// The broker whose heartbeats come over this connection.
    pub(crate) heartbeats_of: Mutex<Option<(BrokerId, BrokerEpoch)>>,
}

protocol::stored! {
    /// An authenticated name, such as `User:alice`. Travels with a forwarded request.
    type 1, versions 0..=0;
    Principal {
        kind: String { 0.. },
        name: String { 0.. },
    }
}

impl Principal {
    /// Whoever connects to a listener without authentication.
    pub(crate) fn anonymous() -> Self {
        Self { kind: "User".to_owned(), name: "ANONYMOUS".to_owned() }
    }
}

/// What is known of one request.
#[derive(Clone, Debug)]
pub(crate) struct RequestContext {
    pub(crate) connection: Arc<ConnectionContext>,
    /// The one that the request is made for: a forwarded request carries its own.
    pub(crate) principal: Principal,
    pub(crate) client_id: Option<String>,
    pub(crate) correlation_id: CorrelationId,
    pub(crate) api_version: i16,
    /// Of a forwarded request: set where this controller turns out not to be the active one, so that
    /// its broker looks for another.
    pub(crate) misdirected: Option<Arc<AtomicBool>>,
}

impl RequestContext {
    pub(crate) fn new(connection: Arc<ConnectionContext>, header: &RequestHeader) -> Self {
        Self {
            principal: connection.principal.clone(),
            connection,
            client_id: header.client_id.clone(),
            correlation_id: header.correlation_id,
            api_version: header.api_version,
            misdirected: None,
        }
    }
}
