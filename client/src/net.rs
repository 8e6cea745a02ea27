//! The door to the network: listen, connect, and a stream of bytes both ways.
//!
//! Nothing but `tcp` names a socket. The simulator brings streams of its own, which reset, stall
//! and arrive late as real ones do.

mod tcp;

use std::{fmt, io, net::SocketAddr};

use futures_util::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite};

pub use tcp::Tcp;

/// Where connections come from.
pub trait Net: Send + Sync + fmt::Debug + 'static {
    /// Starts to accept connections. Port 0 lets the system choose one; an empty host means all
    /// addresses of the machine.
    fn listen(&self, host: &str, port: u16) -> BoxFuture<'static, io::Result<Box<dyn Listener>>>;

    /// Opens a connection. It waits as long as the network lets it; the caller brings a timeout.
    fn connect(&self, host: &str, port: u16) -> BoxFuture<'static, io::Result<Stream>>;
}

/// Accepts connections until it's dropped.
pub trait Listener: Send + fmt::Debug {
    /// The next connection and its other end's address. Dropping the future loses no connection.
    fn accept(&mut self) -> BoxFuture<'_, io::Result<(Stream, SocketAddr)>>;

    /// The address it listens on, with the port that the system chose.
    fn local_addr(&self) -> SocketAddr;
}

/// A connection: bytes in order both ways, until either end closes it.
///
/// What is written may stay where it is until it's flushed.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// A connection of whatever kind.
pub type Stream = Box<dyn Duplex>;
