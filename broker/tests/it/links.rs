//! Links between nodes that a test cuts and mends.
//!
//! What is under way on a cut link stays where it is, both ways, as where a firewall drops packets:
//! nobody is told. Connections that outlast the cut go on as if it had not been there.

use std::{
    collections::BTreeSet,
    future::poll_fn,
    io,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker, ready},
};

use client::net::{Listener, Net, Stream, Tcp};
use futures_util::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// All links of a cluster. A link leads from a node to a port of another.
#[derive(Clone, Debug, Default)]
pub(crate) struct Links {
    cuts: Arc<Mutex<Cuts>>,
}

type Link = (i32, u16);

#[derive(Debug, Default)]
struct Cuts {
    links: BTreeSet<Link>,
    /// Whoever waits on any of them.
    waiting: Vec<Waker>,
}

impl Links {
    pub(crate) fn cut(&self, from: i32, to: u16) {
        self.cuts.lock().unwrap().links.insert((from, to));
    }

    pub(crate) fn mend_all(&self) {
        let cuts = std::mem::take(&mut *self.cuts.lock().unwrap());
        cuts.waiting.into_iter().for_each(Waker::wake);
    }

    /// The network as a node has it.
    pub(crate) fn of(&self, node: i32) -> Arc<dyn Net> {
        Arc::new(LinkedNet { node, links: self.clone() })
    }

    fn poll_open(&self, link: Link, context: &Context<'_>) -> Poll<()> {
        let mut cuts = self.cuts.lock().unwrap();
        if !cuts.links.contains(&link) {
            return Poll::Ready(());
        }
        cuts.waiting.push(context.waker().clone());
        Poll::Pending
    }
}

#[derive(Debug)]
struct LinkedNet {
    node: i32,
    links: Links,
}

impl Net for LinkedNet {
    fn listen(&self, host: &str, port: u16) -> BoxFuture<'static, io::Result<Box<dyn Listener>>> {
        Tcp.listen(host, port)
    }

    fn connect(&self, host: &str, port: u16) -> BoxFuture<'static, io::Result<Stream>> {
        let (links, link) = (self.links.clone(), (self.node, port));
        let connecting = Tcp.connect(host, port);
        Box::pin(async move {
            poll_fn(|context| links.poll_open(link, context)).await;
            let stream = connecting.await?;
            Ok(Box::new(LinkedStream { stream, links, link }) as Stream)
        })
    }
}

struct LinkedStream {
    stream: Stream,
    links: Links,
    link: Link,
}

impl LinkedStream {
    /// The stream, once its link is open.
    fn poll_stream(&mut self, context: &Context<'_>) -> Poll<Pin<&mut Stream>> {
        ready!(self.links.poll_open(self.link, context));
        Poll::Ready(Pin::new(&mut self.stream))
    }
}

impl AsyncRead for LinkedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.poll_stream(context)).poll_read(context, buffer)
    }
}

impl AsyncWrite for LinkedStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_stream(context)).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_stream(context)).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_stream(context)).poll_shutdown(context)
    }
}
