//! One connection: two ends, and what carries bytes between them.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use client::net::Stream;
use futures_util::future::try_join;
use tokio::{
    io::{
        AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, ReadHalf,
        WriteHalf,
    },
    select,
    sync::Notify,
    time::sleep,
};

use super::{Link, Network, requests::Framing};

/// What an end may have written that isn't carried away yet, and what may have arrived unread: the
/// socket buffers.
const WINDOW_BYTES: usize = 64 << 10;

/// The most that one delivery carries.
const SEGMENT_BYTES_MAX: usize = 16 << 10;

/// What the ends, the carrying task and the network know of a connection.
#[derive(Debug)]
pub(super) struct Connection {
    ends: [Machine; 2],
    /// What was connected to.
    to: SocketAddr,
    is_reset: AtomicBool,
    reset: Notify,
    /// Nothing gets through any more, and neither end knows.
    is_silent: AtomicBool,
}

#[derive(Debug)]
struct Machine {
    address: IpAddr,
    /// It lost its power since.
    has_forgotten: AtomicBool,
}

/// A new connection, not carried yet.
pub(super) struct Opened {
    pub(super) shared: Arc<Connection>,
    near: DuplexStream,
    far: DuplexStream,
}

/// Why the carrying of one direction ended before its last byte.
struct Reset;

impl Connection {
    /// A connection and its two ends, the opening one first.
    pub(super) fn open(from: IpAddr, to: SocketAddr) -> (Opened, Stream, Stream) {
        let machine = |address| Machine { address, has_forgotten: AtomicBool::new(false) };
        let shared = Arc::new(Self {
            ends: [machine(from), machine(to.ip())],
            to,
            is_reset: AtomicBool::new(false),
            reset: Notify::new(),
            is_silent: AtomicBool::new(false),
        });
        let (near_end, near) = tokio::io::duplex(WINDOW_BYTES);
        let (far_end, far) = tokio::io::duplex(WINDOW_BYTES);
        let end = |stream| Box::new(End { stream, connection: Arc::clone(&shared) }) as Stream;
        let ends = (end(near_end), end(far_end));
        (Opened { shared, near, far }, ends.0, ends.1)
    }

    pub(super) fn is_between(&self, one: IpAddr, other: IpAddr) -> bool {
        let [near, far] = [self.ends[0].address, self.ends[1].address];
        (near, far) == (one, other) || (near, far) == (other, one)
    }

    /// Ends the connection at once, visibly for both ends.
    pub(super) fn reset(&self) {
        self.is_reset.store(true, Ordering::SeqCst);
        self.reset.notify_one();
    }

    /// Lets nothing through from now on, invisibly for both ends.
    pub(super) fn silence(&self) {
        self.is_silent.store(true, Ordering::SeqCst);
    }

    /// A machine lost its power, and its side of the connection with it.
    pub(super) fn forget(&self, address: IpAddr) {
        for end in self.ends.iter().filter(|end| end.address == address) {
            end.has_forgotten.store(true, Ordering::SeqCst);
        }
    }

    /// Returns if the sender is there to send and is let through, and never otherwise: then the
    /// other end is held open, so that it sees nothing.
    async fn is_sent(&self, sender: IpAddr) {
        if self.is_silent.load(Ordering::SeqCst) || self.is_forgotten_by(sender) {
            std::future::pending::<()>().await;
        }
    }

    fn is_forgotten_by(&self, address: IpAddr) -> bool {
        let mut ends = self.ends.iter();
        ends.any(|end| end.address == address && end.has_forgotten.load(Ordering::SeqCst))
    }
}

impl Opened {
    /// Carries bytes both ways until both ends are closed, or the connection is reset.
    pub(super) async fn carry(self, network: Network) {
        let Self { shared, near, far } = self;
        let there = (shared.ends[0].address, shared.ends[1].address);
        let back = (there.1, there.0);
        let (near_read, near_write) = tokio::io::split(near);
        let (far_read, far_write) = tokio::io::split(far);
        let requests = Some(Framing::new(there.0, shared.to));
        let both = try_join(
            carry_one_way(&shared, &network, there, near_read, far_write, requests),
            carry_one_way(&shared, &network, back, far_read, near_write, None),
        );
        select! {
            biased;
            () = shared.reset.notified() => {}
            result = both => {
                if result.is_err() {
                    shared.is_reset.store(true, Ordering::SeqCst);
                }
            }
        }
    }
}

async fn carry_one_way(
    connection: &Connection,
    network: &Network,
    link: Link,
    mut from: ReadHalf<DuplexStream>,
    mut to: WriteHalf<DuplexStream>,
    mut requests: Option<Framing>,
) -> Result<(), Reset> {
    let mut buffer = vec![0; SEGMENT_BYTES_MAX];
    let service = (connection.ends[0].address, connection.to.port());
    loop {
        let (sender, receiver) = link;
        let read = from.read(&mut buffer).await.unwrap_or(0);
        connection.is_sent(sender).await;
        sleep(network.delay(link)).await;
        if network.is_blocked(link, service) {
            network.passable(link, service).await;
            // What got lost on the way has to be sent again.
            connection.is_sent(sender).await;
        }
        if connection.is_forgotten_by(receiver) {
            return Err(Reset);
        }
        if read == 0 {
            let _already_closed = to.shutdown().await;
            return Ok(());
        }
        if let Some(requests) = &mut requests {
            requests.take(&buffer[..read], |request| network.note_request(request));
        }
        to.write_all(&buffer[..read]).await.map_err(|_| Reset)?;
    }
}

/// What a process holds of a connection. Dropping it closes it.
#[derive(Debug)]
struct End {
    stream: DuplexStream,
    connection: Arc<Connection>,
}

impl End {
    fn check_reset(&self) -> io::Result<()> {
        if self.connection.is_reset.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        Ok(())
    }
}

impl AsyncRead for End {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        let is_end = buffer.filled().len() == before && buffer.remaining() > 0;
        Poll::Ready(if is_end { self.check_reset() } else { Ok(()) })
    }
}

impl AsyncWrite for End {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check_reset()?;
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
