//! How requests come in and answers go out.

use std::io;

use bytes::Bytes;
use futures_util::{FutureExt, future::BoxFuture};
use protocol::{
    ApiKey, Chunks, CorrelationId, Message, Reader, Request, RequestHeader, ResponseHeader,
    api::{fetch::FetchRequest, produce::ProduceRequest},
};
use tokio::io::{DuplexStream, duplex};

use super::FakeBroker;
use crate::{
    frame::{FrameReader, write_frame},
    net::{Listener, Net, Stream},
};

impl Net for FakeBroker {
    fn listen(&self, _: &str, _: u16) -> BoxFuture<'static, io::Result<Box<dyn Listener>>> {
        unreachable!("clients don't listen")
    }

    fn connect(&self, _: &str, _: u16) -> BoxFuture<'static, io::Result<Stream>> {
        let broker = self.clone();
        async move {
            if broker.state().is_down {
                return Err(io::ErrorKind::ConnectionRefused.into());
            }
            broker.state().connections += 1;
            let (near, far) = duplex(1 << 16);
            tokio::spawn(broker.serve(far));
            Ok(Box::new(near) as Stream)
        }
        .boxed()
    }
}

impl FakeBroker {
    pub(super) async fn serve(self, mut stream: DuplexStream) {
        let mut frames = FrameReader::new(1 << 26);
        while let Ok(Some(frame)) = frames.next(&mut stream).await {
            let mut from = Reader::new(frame);
            let header = RequestHeader::read(&mut from).unwrap();
            if self.state().is_down {
                return;
            }
            let answer = match ApiKey::try_from(header.api_key).unwrap() {
                ApiKey::ApiVersions => respond(&header, from, |r| self.versions(r)),
                ApiKey::Metadata => respond(&header, from, |r| self.metadata(r)),
                ApiKey::InitProducerId => respond(&header, from, |r| self.init_producer_id(r)),
                ApiKey::ListOffsets => respond(&header, from, |r| self.list_offsets(r)),
                ApiKey::Fetch => {
                    let begun = self.begin_fetch(&header, from.clone());
                    if let Ok((begun, request)) = &begun {
                        self.wait_for_data(begun, request).await;
                    }
                    respond(&header, from, |_: FetchRequest| self.fetch(begun))
                }
                ApiKey::OffsetForLeaderEpoch => respond(&header, from, |r| self.epoch_ends(r)),
                ApiKey::Produce if self.state().is_silent => continue,
                ApiKey::Produce => {
                    let acks = request::<ProduceRequest>(&header, from.clone()).acks;
                    let mut is_lost = false;
                    let answer = respond(&header, from, |r| self.produce(r, &mut is_lost));
                    if is_lost {
                        return;
                    }
                    if acks == 0 {
                        continue;
                    }
                    answer
                }
                other => self.administrate(other, &header, from),
            };
            if write_frame(&mut stream, &answer).await.is_err() {
                return;
            }
        }
    }
}

pub(super) fn request<R: Request>(header: &RequestHeader, mut from: Reader) -> R {
    header.finish(&mut from, R::context(header.api_version).flexible).unwrap();
    R::read(&mut from, header.api_version).unwrap()
}

pub(super) fn respond<R: Request>(
    header: &RequestHeader,
    from: Reader,
    answer: impl FnOnce(R) -> R::Response,
) -> Vec<Bytes> {
    let response = answer(request::<R>(header, from));
    let correlation_id: CorrelationId = header.correlation_id;
    let mut out = Chunks::default();
    ResponseHeader { correlation_id }.write::<R::Response>(header.api_version, &mut out);
    response.write(header.api_version, &mut out);
    out.finish()
}
