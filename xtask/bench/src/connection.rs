//! A blocking connection to a broker: requests out, responses in, in order.

use crate::frame::Frames;
use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use protocol::{CorrelationId, Message, Reader, Request, RequestHeader, ResponseHeader};
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// A broker that says nothing for so long is broken, and the run ends.
const PATIENCE: Duration = Duration::from_secs(60);

const CLIENT_ID: &str = "bench";

#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) sender: TcpStream,
    pub(crate) receiver: Frames<TcpStream>,
    next_correlation_id: i32,
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> Result<Self> {
        let sender = TcpStream::connect(address).context("connecting")?;
        sender.set_nodelay(true).context("setting no-delay")?;
        sender.set_read_timeout(Some(PATIENCE)).context("setting a time limit")?;
        sender.set_write_timeout(Some(PATIENCE)).context("setting a time limit")?;
        let receiver = Frames::new(sender.try_clone().context("sharing a connection")?);
        Ok(Self { sender, receiver, next_correlation_id: 0 })
    }

    /// Sends one request, and waits for its response.
    pub(crate) fn call<R: Request>(&mut self, request: &R, version: i16) -> Result<R::Response> {
        self.next_correlation_id += 1;
        let correlation_id = self.next_correlation_id;
        let bytes = encode(request, version, correlation_id);
        self.sender.write_all(&bytes).with_context(|| format!("sending {}", R::NAME))?;
        let frame = self.receiver.next().with_context(|| format!("waiting after {}", R::NAME))?;
        let (header, response) = decode::<R::Response>(frame, version)?;
        ensure!(header.correlation_id.0 == correlation_id, "the response to another request");
        Ok(response)
    }
}

/// A whole request with the length that stands before it.
pub(crate) fn encode<R: Request>(request: &R, version: i16, correlation_id: i32) -> Vec<u8> {
    let mut out = vec![0; size_of::<u32>()];
    let header = RequestHeader {
        api_key: R::KEY as i16,
        api_version: version,
        correlation_id: CorrelationId(correlation_id),
        client_id: Some(CLIENT_ID.to_owned()),
    };
    header.write::<R>(&mut out);
    request.write(version, &mut out);
    let length = u32::try_from(out.len() - size_of::<u32>()).expect("a request is below 2 GiB");
    out[..size_of::<u32>()].copy_from_slice(&length.to_be_bytes());
    out
}

/// Reads a response without the length.
pub(crate) fn decode<M: Message>(frame: Bytes, version: i16) -> Result<(ResponseHeader, M)> {
    let mut reader = Reader::new(frame);
    let header = ResponseHeader::read::<M>(&mut reader, version).context("a response's header")?;
    let response = M::read(&mut reader, version).with_context(|| format!("a {}", M::NAME))?;
    if reader.remaining() > 0 {
        bail!("{} bytes after a {}", reader.remaining(), M::NAME);
    }
    Ok((header, response))
}
