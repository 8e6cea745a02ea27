//! TCP as the system has it.

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
};

use futures_util::{FutureExt, future::BoxFuture};
use tokio::net::{TcpListener, TcpStream};

use super::{Listener, Net, Stream};

/// Production's network.
///
/// Both ends of every connection send without delay: Nagle's algorithm and delayed
/// acknowledgements together cost 40 to 90 ms per small write. A listener binds with
/// `SO_REUSEADDR` (a restarted node need not wait for old connections to time out) and a backlog
/// of 1024 connections or what the system allows, whichever is less: both by tokio's own bind.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tcp;

impl Net for Tcp {
    fn listen(&self, host: &str, port: u16) -> BoxFuture<'static, io::Result<Box<dyn Listener>>> {
        let host = host.to_owned();
        async move {
            let listener = if host.is_empty() {
                everywhere(port).await?
            } else {
                TcpListener::bind((host.as_str(), port)).await?
            };
            let local_addr = listener.local_addr()?;
            Ok(Box::new(Accepting { listener, local_addr }) as Box<dyn Listener>)
        }
        .boxed()
    }

    fn connect(&self, host: &str, port: u16) -> BoxFuture<'static, io::Result<Stream>> {
        let host = host.to_owned();
        async move {
            // Tries every address that the name has, in the resolver's order.
            let stream = TcpStream::connect((host.as_str(), port)).await?;
            stream.set_nodelay(true)?;
            Ok(Box::new(stream) as Stream)
        }
        .boxed()
    }
}

/// All addresses of the machine: both kinds with one socket, or those of IPv4 where there is no
/// other.
async fn everywhere(port: u16) -> io::Result<TcpListener> {
    match TcpListener::bind((Ipv6Addr::UNSPECIFIED, port)).await {
        Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
            TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).await
        }
        bound => bound,
    }
}

#[derive(Debug)]
struct Accepting {
    listener: TcpListener,
    local_addr: SocketAddr,
}

impl Listener for Accepting {
    fn accept(&mut self) -> BoxFuture<'_, io::Result<(Stream, SocketAddr)>> {
        async move {
            let (stream, from) = self.listener.accept().await?;
            stream.set_nodelay(true)?;
            Ok((Box::new(stream) as Stream, from))
        }
        .boxed()
    }

    fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn no_host_means_all_of_the_machines_addresses() {
        let mut listener = Tcp.listen("", 0).await.unwrap();
        let port = listener.local_addr().port();
        let connected = Tcp.connect("127.0.0.1", port).await;
        assert!(connected.is_ok());
        listener.accept().await.unwrap();
    }

    #[tokio::test]
    async fn bytes_travel_both_ways() {
        let mut listener = Tcp.listen("127.0.0.1", 0).await.unwrap();
        let port = listener.local_addr().port();
        let mut client = Tcp.connect("127.0.0.1", port).await.unwrap();
        let (mut server, _) = listener.accept().await.unwrap();

        let mut buffer = [0; 4];
        client.write_all(b"ping").await.unwrap();
        server.read_exact(&mut buffer).await.unwrap();
        assert_eq!(&buffer, b"ping");
        server.write_all(b"pong").await.unwrap();
        client.read_exact(&mut buffer).await.unwrap();
        assert_eq!(&buffer, b"pong");
    }

    #[tokio::test]
    async fn a_port_in_use_is_an_error() {
        let listener = Tcp.listen("127.0.0.1", 0).await.unwrap();
        let error = Tcp.listen("127.0.0.1", listener.local_addr().port()).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    }

    #[tokio::test]
    async fn a_refused_connection_is_an_error() {
        let port = Tcp.listen("127.0.0.1", 0).await.unwrap().local_addr().port();
        let error = Tcp.connect("127.0.0.1", port).await.map(|_| ()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    }
}
