//! Sends answers as fast as the client takes them, and gives up on one that takes nothing.

use std::{collections::VecDeque, io, io::IoSlice, time::Duration};

use bytes::{Buf, Bytes};
use tokio::{
    io::{AsyncWrite, AsyncWriteExt},
    time::{Instant, timeout},
};

use super::{answer::Answer, memory_budget::Share};

/// How long a client may take nothing of what is waiting for it.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// While this many bytes are unsent, nothing more is put behind them.
const UNSENT_BYTES_MAX: usize = 1 << 20;

/// How many slices one write is given: what Linux takes at most (`IOV_MAX`).
const SLICES_PER_WRITE_MAX: usize = 1024;

/// The answers that are on their way out. Every `await` in [`AnswerWriter::write`] may be dropped:
/// the next call goes on where it was.
pub(crate) struct AnswerWriter<W> {
    stream: W,
    /// The last chunk of an answer holds its share of the memory.
    unsent: VecDeque<(Bytes, Option<Share>)>,
    unsent_bytes: usize,
    /// By when the client has to take something; none while nothing waits.
    deadline: Option<Instant>,
}

impl<W: AsyncWrite + Unpin> AnswerWriter<W> {
    pub(crate) fn new(stream: W) -> Self {
        Self { stream, unsent: VecDeque::new(), unsent_bytes: 0, deadline: None }
    }

    /// Whether the client still has something to take.
    pub(crate) fn is_busy(&self) -> bool {
        self.deadline.is_some()
    }

    /// Whether another answer should be put behind what is unsent.
    pub(crate) fn has_room(&self) -> bool {
        self.unsent_bytes < UNSENT_BYTES_MAX
    }

    /// Puts an answer behind the others, as a frame.
    pub(crate) fn push(&mut self, answer: Answer) {
        let Answer { chunks, share } = answer;
        let size: usize = chunks.iter().map(Bytes::len).sum();
        let length = i32::try_from(size).expect("an answer is below 2 GiB").to_be_bytes();
        self.unsent.push_back((Bytes::copy_from_slice(&length), None));
        self.unsent.extend(chunks.into_iter().map(|chunk| (chunk, None)));
        self.unsent.back_mut().expect("pushed above").1 = Some(share);
        self.unsent_bytes += length.len() + size;
        self.deadline.get_or_insert_with(|| Instant::now() + PAUSE_MAX);
    }

    /// Writes everything. A client that takes nothing for long is given up with `TimedOut`.
    pub(crate) async fn write(&mut self) -> io::Result<()> {
        while !self.unsent.is_empty() {
            let slices = self.unsent.iter().take(SLICES_PER_WRITE_MAX);
            let slices: Vec<_> = slices.map(|(chunk, _)| IoSlice::new(chunk)).collect();
            let written = in_time(self.deadline, self.stream.write_vectored(&slices)).await?;
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            self.advance(written);
            self.deadline = Some(Instant::now() + PAUSE_MAX);
        }
        in_time(self.deadline, self.stream.flush()).await?;
        self.deadline = None;
        Ok(())
    }

    fn advance(&mut self, mut written: usize) {
        self.unsent_bytes -= written;
        while let Some((chunk, _)) = self.unsent.front_mut() {
            if written < chunk.len() {
                chunk.advance(written);
                return;
            }
            written -= chunk.len();
            self.unsent.pop_front();
        }
    }
}

async fn in_time<T>(
    deadline: Option<Instant>,
    writing: impl Future<Output = io::Result<T>>,
) -> io::Result<T> {
    let deadline = deadline.expect("set while something is unsent");
    let left = deadline.saturating_duration_since(Instant::now());
    timeout(left, writing).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use tokio::{
        io::{AsyncReadExt, duplex},
        time::sleep,
    };

    use super::*;
    use crate::server::MemoryBudget;

    fn answer(chunks: &[&'static [u8]], share: Share) -> Answer {
        Answer { chunks: chunks.iter().map(|chunk| Bytes::from_static(chunk)).collect(), share }
    }

    #[tokio::test]
    async fn answers_leave_as_frames_in_their_order() {
        let (mut client, server) = duplex(1024);
        let mut writer = AnswerWriter::new(server);
        writer.push(answer(&[b"a", b"", b"bc", b""], Share::default()));
        writer.push(answer(&[], Share::default()));
        writer.write().await.unwrap();
        assert!(!writer.is_busy());
        drop(writer);
        let mut sent = Vec::new();
        client.read_to_end(&mut sent).await.unwrap();
        assert_eq!(sent, [&[0, 0, 0, 3][..], b"abc", &[0, 0, 0, 0]].concat());
    }

    #[tokio::test]
    async fn a_dropped_write_is_gone_on_with_and_memory_comes_back_with_the_last_byte() {
        let budget = MemoryBudget::new(1 << 20);
        let (mut client, server) = duplex(3);
        let mut writer = AnswerWriter::new(server);
        writer.push(answer(&[b"abcdef"], budget.take_rest(1 << 20)));
        let mut sent = Vec::new();
        while writer.is_busy() {
            assert_eq!(budget.free_bytes(), 0);
            if writer.write().now_or_never().is_none() {
                let mut bytes = [0; 3];
                let read = client.read(&mut bytes).await.unwrap();
                sent.extend_from_slice(&bytes[..read]);
            }
        }
        assert_eq!(budget.free_bytes(), 1 << 20);
        drop(writer);
        client.read_to_end(&mut sent).await.unwrap();
        assert_eq!(sent, [&[0, 0, 0, 6][..], b"abcdef"].concat());
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_reader_is_served_and_one_that_takes_nothing_is_given_up() {
        let (mut client, server) = duplex(1);
        let mut writer = AnswerWriter::new(server);
        writer.push(answer(&[b"abc"], Share::default()));
        let reading = tokio::spawn(async move {
            for _ in 0..7 {
                sleep(PAUSE_MAX - Duration::from_secs(1)).await;
                client.read_u8().await.unwrap();
            }
            client
        });
        writer.write().await.unwrap();
        let _stays_open = reading.await.unwrap();

        writer.push(answer(&[b"abc"], Share::default()));
        let started = Instant::now();
        assert_eq!(writer.write().await.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(started.elapsed(), PAUSE_MAX);
    }
}
