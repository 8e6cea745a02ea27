//! Envelope (key 58): a broker forwards a client's request to the controller, with the principal
//! that the client proved to be (KIP-590).
//!
//! | version | change |
//! |---|---|
//! | 0 | the first |

use bytes::Bytes;

use crate::ErrorCode;

crate::api! {
    key Envelope, versions 0..=0, flexible 0..;

    /// A request within a request.
    request EnvelopeRequest {
        /// Header and body.
        request_data: Bytes { 0.. },
        request_principal: Option<Bytes> { 0.. },
        /// Four or sixteen bytes.
        client_host_address: Bytes { 0.. },
    }

    /// A response within a response.
    response EnvelopeResponse {
        /// Header and body; null on errors of the envelope itself.
        response_data: Option<Bytes> { 0.. },
        error_code: ErrorCode { 0.. },
    }
}
