//! Copies of what a stub is sent, on other stubs: the least that synchronous replication can do.
//! Each frame is pushed on as it came, written by all at the same time, and acknowledged once all
//! have it.

use crate::frame::Frames;
use anyhow::{Context, Result};
use std::io::Write;
use std::net::{SocketAddr, TcpStream};

/// One connection to each of the others.
#[derive(Debug)]
pub(super) struct Copies(Vec<(TcpStream, Frames<TcpStream>)>);

impl Copies {
    pub(super) fn open(others: &[SocketAddr]) -> Result<Self> {
        let open = |other: &SocketAddr| {
            let sender = TcpStream::connect(other).context("connecting to another stub")?;
            sender.set_nodelay(true).context("setting no-delay")?;
            let receiver = Frames::new(sender.try_clone().context("sharing a connection")?);
            Ok((sender, receiver))
        };
        others.iter().map(open).collect::<Result<_>>().map(Self)
    }

    pub(super) fn send(&mut self, frame: &[u8]) -> Result<()> {
        let length = u32::try_from(frame.len()).context("a frame is below 2 GiB")?.to_be_bytes();
        for (sender, _) in &mut self.0 {
            sender.write_all(&length).context("copying a frame's length")?;
            sender.write_all(frame).context("copying a frame")?;
        }
        Ok(())
    }

    /// Waits until all have written what was sent last.
    pub(super) fn wait(&mut self) -> Result<()> {
        for (_, receiver) in &mut self.0 {
            receiver.next().context("waiting for another stub")?;
        }
        Ok(())
    }
}
