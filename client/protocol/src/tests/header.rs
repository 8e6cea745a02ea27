//! Headers agree with the oracle's, at every version of every API.

use bytes::{Bytes, BytesMut};
use kafka_protocol::{messages as theirs, protocol as their};
use their::{Decodable, Encodable, StrBytes};
use theirs::ApiKey as TheirApiKey;

use super::{
    every_message::{Visitor, visit_every_message},
    generate::Generate,
};
use crate::{
    ApiKey, CorrelationId, Message, Reader, RequestHeader, ResponseHeader,
    api::{api_versions::ApiVersionsResponse, metadata::MetadataResponse},
};

struct Headers;

impl Visitor for Headers {
    fn visit<Ours, Theirs>(&mut self)
    where
        Ours: Message + Generate,
    {
        let key = TheirApiKey::try_from(Ours::KEY as i16).unwrap();
        for version in Ours::VERSIONS {
            if Ours::NAME.ends_with("Request") {
                for client_id in [None, Some(""), Some("größer")] {
                    requests_agree::<Ours>(key.request_header_version(version), version, client_id);
                }
            } else {
                responses_agree::<Ours>(key.response_header_version(version), version);
            }
        }
    }
}

fn requests_agree<M: Message>(header_version: i16, version: i16, client_id: Option<&str>) {
    let ours = RequestHeader {
        api_key: M::KEY as i16,
        api_version: version,
        correlation_id: CorrelationId(7),
        client_id: client_id.map(str::to_owned),
    };
    let theirs = theirs::RequestHeader::default()
        .with_request_api_key(M::KEY as i16)
        .with_request_api_version(version)
        .with_correlation_id(7)
        .with_client_id(client_id.map(|id| StrBytes::from(id.to_owned())));
    let mut bytes = BytesMut::new();
    theirs.encode(&mut bytes, header_version).unwrap();
    let mut written = BytesMut::new();
    ours.write::<M>(&mut written);
    assert_eq!(written, bytes, "{} v{version}", M::NAME);

    let mut reader = Reader::new(bytes.freeze());
    let read = RequestHeader::read(&mut reader).unwrap();
    read.finish(&mut reader, M::context(version).flexible).unwrap();
    assert_eq!((read, reader.remaining()), (ours, 0));
}

fn responses_agree<M: Message>(header_version: i16, version: i16) {
    let theirs = theirs::ResponseHeader::default().with_correlation_id(7);
    let mut bytes = BytesMut::new();
    theirs.encode(&mut bytes, header_version).unwrap();
    let ours = ResponseHeader { correlation_id: CorrelationId(7) };
    let mut written = BytesMut::new();
    ours.write::<M>(version, &mut written);
    assert_eq!(written, bytes, "{} v{version}", M::NAME);

    let mut reader = Reader::new(bytes.freeze());
    assert_eq!(ResponseHeader::read::<M>(&mut reader, version), Ok(ours));
    assert_eq!(reader.remaining(), 0);
}

#[test]
fn every_header_agrees_with_the_oracle() {
    visit_every_message(&mut Headers);
}

#[test]
fn the_response_to_api_versions_has_no_tags_in_its_header() {
    let header = ResponseHeader { correlation_id: CorrelationId(1) };
    let (mut quirk, mut rule) = (Vec::new(), Vec::new());
    header.write::<ApiVersionsResponse>(4, &mut quirk);
    header.write::<MetadataResponse>(13, &mut rule);
    assert_eq!(quirk, [0, 0, 0, 1]);
    assert_eq!(rule, [0, 0, 0, 1, 0]);
}

#[test]
fn tags_in_a_header_are_skipped() {
    // Key 3, version 13, correlation id 7, no client id, one tag (5) of two bytes, and a body.
    let bytes = [0, 3, 0, 13, 0, 0, 0, 7, 0xff, 0xff, 1, 5, 2, 9, 9, 42];
    let mut reader = Reader::new(Bytes::copy_from_slice(&bytes));
    let header = RequestHeader::read(&mut reader).unwrap();
    header.finish(&mut reader, true).unwrap();
    assert_eq!(header.api_key, ApiKey::Metadata as i16);
    assert_eq!(reader.remaining(), 1);
    assert_eq!(
        theirs::RequestHeader::decode(&mut Bytes::copy_from_slice(&bytes), 2)
            .unwrap()
            .correlation_id,
        7
    );
}
