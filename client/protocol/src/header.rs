//! What stands before the body of every request and response.
//!
//! Two quirks: the client id of a request is a classic nullable string even in flexible headers,
//! and the response to ApiVersions has the oldest header at every version, because a client reads
//! it before it knows what the broker speaks (KIP-511).

use crate::{
    ApiKey, Context, CorrelationId, DecodeError, Message, Reader, Sink, Wire, notation::Tags,
};

/// Stands before a request's body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestHeader {
    /// The API's number: may be one that this build doesn't know.
    pub api_key: i16,
    /// The version that header and body are written at.
    pub api_version: i16,
    /// Comes back in the response.
    pub correlation_id: CorrelationId,
    /// What the client calls itself.
    pub client_id: Option<String>,
}

const CLASSIC: Context = Context { version: 0, flexible: false };

impl RequestHeader {
    /// Appends the header of a request of type `M`.
    pub fn write<M: Message>(&self, out: &mut impl Sink) {
        self.api_key.encode(out, CLASSIC);
        self.api_version.encode(out, CLASSIC);
        self.correlation_id.encode(out, CLASSIC);
        self.client_id.encode(out, CLASSIC);
        if M::context(self.api_version).flexible {
            out.put_uvarint(0);
        }
    }

    /// Reads the header up to the client id. [`RequestHeader::finish`] reads the rest, once it's
    /// known whether this API is flexible at this version.
    ///
    /// # Errors
    /// Bytes that are no header.
    pub fn read(from: &mut Reader) -> Result<Self, DecodeError> {
        Ok(Self {
            api_key: Wire::decode(from, CLASSIC)?,
            api_version: Wire::decode(from, CLASSIC)?,
            correlation_id: Wire::decode(from, CLASSIC)?,
            client_id: Wire::decode(from, CLASSIC)?,
        })
    }

    /// Reads what follows the client id where the API is flexible at this version: tagged fields,
    /// all of them skipped.
    ///
    /// # Errors
    /// Bytes that are no tagged fields.
    pub fn finish(&self, from: &mut Reader, flexible: bool) -> Result<(), DecodeError> {
        if flexible {
            skip_tags(from)?;
        }
        Ok(())
    }
}

/// Stands before a response's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResponseHeader {
    /// The request's.
    pub correlation_id: CorrelationId,
}

impl ResponseHeader {
    /// Appends the header of a response of type `M` at a version.
    pub fn write<M: Message>(self, version: i16, out: &mut impl Sink) {
        self.correlation_id.encode(out, CLASSIC);
        if Self::is_flexible::<M>(version) {
            out.put_uvarint(0);
        }
    }

    /// Reads the header of a response of type `M` at a version.
    ///
    /// # Errors
    /// Bytes that are no header.
    pub fn read<M: Message>(from: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        let correlation_id = Wire::decode(from, CLASSIC)?;
        if Self::is_flexible::<M>(version) {
            skip_tags(from)?;
        }
        Ok(Self { correlation_id })
    }

    fn is_flexible<M: Message>(version: i16) -> bool {
        M::context(version).flexible && M::KEY != ApiKey::ApiVersions
    }
}

fn skip_tags(from: &mut Reader) -> Result<(), DecodeError> {
    let mut tags = Tags::start(from)?;
    while tags.next(from)?.is_some() {}
    Ok(())
}
