//! Cuts a byte stream into frames: four bytes of length, then that many bytes.
//!
//! A length is a claim by somebody unknown. What a frame holds of the memory budget follows the
//! bytes that arrived, not the claim. A frame may be slow, but not stand still.

use std::{io, time::Duration};

use bytes::{Bytes, BytesMut};
use futures_util::future::BoxFuture;
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    time::{Instant, timeout},
};

use super::memory_budget::{MemoryBudget, Share};

/// The size of a frame's length.
const LENGTH_BYTES: usize = 4;

/// What a frame is given of the budget at first. Then it's given as much again as has arrived.
const STEP_BYTES_MIN: usize = 64 << 10;

/// The most that a frame is given at a time.
const STEP_BYTES_MAX: usize = 1 << 20;

/// How long a frame that has begun may go without another byte. A sender that stops in the middle
/// holds a part of the broker's memory; one that is only slow gets done.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// A request's bytes, and its share of the broker's memory for as long as they live.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) bytes: Bytes,
    pub(crate) share: Share,
}

/// Why there will be no further frame.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FrameError {
    #[error("frame of {length} bytes, where at most {max} are allowed (socket.request.max.bytes)")]
    Oversized { length: i32, max: usize },
    #[error("frame of negative length {0}")]
    Negative(i32),
    #[error("the connection ended inside a frame")]
    Truncated,
    #[error("nothing arrived for {} s inside a frame", PAUSE_MAX.as_secs())]
    Stalled,
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// The state between two reads. Every `await` in [`FrameReader::next`] may be dropped without
/// losing a byte or a place in a queue, so that a connection can wait for a frame and for a
/// response at once.
pub(crate) struct FrameReader<R> {
    stream: R,
    bytes_max: usize,
    budget: MemoryBudget,
    head: Head,
    /// The body's bytes.
    buffer: BytesMut,
    body: Option<Body>,
    /// By when the next byte has to be here, once a frame has begun.
    deadline: Option<Instant>,
    /// The place in the queue for memory.
    waiting: Option<BoxFuture<'static, Share>>,
}

/// As much of a frame's length as has arrived. Most of the time that's all of it, with the last
/// bytes of the frame before: a busy client costs one read a frame.
#[derive(Default)]
struct Head {
    bytes: [u8; LENGTH_BYTES],
    have: usize,
}

struct Body {
    length: usize,
    /// How many of its bytes may be in memory.
    granted: usize,
    share: Share,
}

impl<R: AsyncRead + Unpin> FrameReader<R> {
    pub(crate) fn new(stream: R, bytes_max: usize, budget: MemoryBudget) -> Self {
        Self {
            stream,
            bytes_max,
            budget,
            head: Head::default(),
            buffer: BytesMut::new(),
            body: None,
            deadline: None,
            waiting: None,
        }
    }

    /// Whether nothing of a next frame has arrived.
    pub(crate) fn is_between_frames(&self) -> bool {
        self.body.is_none() && self.head.have == 0
    }

    /// The next frame; `None` when the stream ends between two frames.
    pub(crate) async fn next(&mut self) -> Result<Option<Frame>, FrameError> {
        if self.body.is_none() {
            let Some(length) = self.length().await? else { return Ok(None) };
            self.head = Head::default();
            self.body = Some(Body { length, granted: 0, share: Share::default() });
        }
        self.fill().await?;
        let Body { length, share, .. } = self.body.take().expect("set above, and filled");
        self.head.put(&self.buffer[length..]);
        self.buffer.truncate(length);
        if self.head.have == 0 {
            self.deadline = None;
        }
        // The frame gets the memory as a whole: a produce request takes it back as mutable, which
        // only its sole owner can.
        Ok(Some(Frame { bytes: std::mem::take(&mut self.buffer).freeze(), share }))
    }

    async fn length(&mut self) -> Result<Option<usize>, FrameError> {
        while self.head.have < LENGTH_BYTES {
            let reading = self.stream.read(&mut self.head.bytes[self.head.have..]);
            let read = in_time(self.deadline, reading).await?;
            if read == 0 {
                return if self.head.have == 0 { Ok(None) } else { Err(FrameError::Truncated) };
            }
            self.head.have += read;
            self.deadline = Some(Instant::now() + PAUSE_MAX);
        }
        let claimed = i32::from_be_bytes(self.head.bytes);
        match usize::try_from(claimed) {
            Err(_) => Err(FrameError::Negative(claimed)),
            Ok(length) if length > self.bytes_max => {
                Err(FrameError::Oversized { length: claimed, max: self.bytes_max })
            }
            Ok(length) => Ok(Some(length)),
        }
    }

    async fn fill(&mut self) -> Result<(), FrameError> {
        loop {
            let Body { length, granted, .. } = *self.body.as_ref().expect("a body is being read");
            let have = self.buffer.len();
            if have >= length {
                return Ok(());
            } else if have == granted {
                self.grow(length, granted).await;
            } else {
                // Behind the body's end, the next frame's length is taken along.
                let end = if granted == length { length + LENGTH_BYTES } else { granted };
                if self.read(end - have).await? == 0 {
                    return Err(FrameError::Truncated);
                }
            }
        }
    }

    /// Waits for a share of the memory for the body's next bytes. While it does, the sender waits
    /// too, and is not to blame.
    async fn grow(&mut self, length: usize, granted: usize) {
        let Self { budget, buffer, waiting, deadline, .. } = self;
        let body = self.body.as_mut().expect("a body is being read");
        let step = granted.clamp(STEP_BYTES_MIN, STEP_BYTES_MAX).min(length - granted);
        let at_once = match waiting {
            None => budget.try_take(step, &body.share),
            Some(_) => None,
        };
        let more = match at_once {
            Some(more) => more,
            None => waiting.get_or_insert_with(|| budget.take(step, &body.share)).await,
        };
        *waiting = None;
        *deadline = Some(Instant::now() + PAUSE_MAX);
        body.share.merge(more);
        body.granted += step;
        if buffer.capacity() < body.granted + LENGTH_BYTES {
            // Room ahead of what is granted costs nothing until it's written to, and spares copies.
            buffer.reserve((length - granted).min(STEP_BYTES_MAX) + LENGTH_BYTES);
        }
    }

    /// Reads what has arrived, but no more than the limit. 0 = the stream has ended.
    async fn read(&mut self, limit: usize) -> Result<usize, FrameError> {
        let mut limited = (&mut self.stream).take(limit as u64);
        let read = in_time(self.deadline, limited.read_buf(&mut self.buffer)).await?;
        self.deadline = Some(Instant::now() + PAUSE_MAX);
        Ok(read)
    }
}

impl Head {
    fn put(&mut self, bytes: &[u8]) {
        self.bytes[..bytes.len()].copy_from_slice(bytes);
        self.have = bytes.len();
    }
}

async fn in_time(
    deadline: Option<Instant>,
    reading: impl Future<Output = io::Result<usize>>,
) -> Result<usize, FrameError> {
    match deadline {
        None => Ok(reading.await?),
        Some(deadline) => {
            let left = deadline.saturating_duration_since(Instant::now());
            Ok(timeout(left, reading).await.map_err(|_| FrameError::Stalled)??)
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use tokio::{
        io::{AsyncWriteExt, DuplexStream, duplex},
        time::sleep,
    };

    use super::*;

    const MIB: usize = 1 << 20;

    fn reader(budget: &MemoryBudget) -> (DuplexStream, FrameReader<DuplexStream>) {
        let (client, server) = duplex(8 * MIB);
        (client, FrameReader::new(server, 8 * MIB, budget.clone()))
    }

    fn claim(length: usize) -> [u8; 4] {
        i32::try_from(length).unwrap().to_be_bytes()
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_frame_gets_done() {
        let (mut client, mut frames) = reader(&MemoryBudget::new(MIB));
        tokio::spawn(async move {
            for byte in [claim(10).to_vec(), vec![7; 10]].concat() {
                client.write_all(&[byte]).await.unwrap();
                sleep(PAUSE_MAX - Duration::from_secs(1)).await;
            }
            client
        });
        let frame = frames.next().await.unwrap().unwrap();
        assert_eq!(frame.bytes[..], [7; 10]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_frame_that_stands_still_ends_even_within_its_length() {
        for begun in [&claim(10)[..2], &[&claim(10)[..], b"abc"].concat()] {
            let (mut client, mut frames) = reader(&MemoryBudget::new(MIB));
            client.write_all(begun).await.unwrap();
            let started = Instant::now();
            assert!(matches!(frames.next().await, Err(FrameError::Stalled)));
            assert_eq!(started.elapsed(), PAUSE_MAX);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn between_frames_a_client_may_be_silent_for_long() {
        let (mut client, mut frames) = reader(&MemoryBudget::new(MIB));
        client.write_all(&claim(0)).await.unwrap();
        assert!(frames.next().await.unwrap().unwrap().bytes.is_empty());
        assert!(timeout(100 * PAUSE_MAX, frames.next()).await.is_err());
        assert!(frames.is_between_frames());
    }

    #[tokio::test]
    async fn a_claim_alone_holds_little() {
        let budget = MemoryBudget::new(16 * MIB);
        let (mut client, mut frames) = reader(&budget);
        client.write_all(&claim(8 * MIB)).await.unwrap();
        assert!(frames.next().now_or_never().is_none());
        assert_eq!(16 * MIB - budget.free_bytes(), STEP_BYTES_MIN);
    }

    #[tokio::test(start_paused = true)]
    async fn large_frames_that_fill_the_budget_are_all_read_in_the_end() {
        let budget = MemoryBudget::new(4 * MIB);
        let (mut client, mut frames): (Vec<_>, Vec<_>) = (0..8).map(|_| reader(&budget)).unzip();
        for client in &mut client {
            client.write_all(&claim(2 * MIB)).await.unwrap();
            client.write_all(&vec![1; MIB]).await.unwrap();
        }
        for frames in &mut frames {
            assert!(frames.next().now_or_never().is_none());
        }
        sleep(10 * PAUSE_MAX).await;
        for client in &mut client {
            client.write_all(&vec![1; MIB]).await.unwrap();
        }
        let mut left = frames;
        while !left.is_empty() {
            let before = left.len();
            left.retain_mut(|frames| match frames.next().now_or_never() {
                None => true,
                Some(frame) => {
                    assert_eq!(frame.unwrap().unwrap().bytes.len(), 2 * MIB);
                    false
                }
            });
            assert!(left.len() < before, "one of them can go on at any time");
        }
        assert_eq!(budget.free_bytes(), 4 * MIB);
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_for_memory_is_no_fault_of_the_sender_and_keeps_its_place() {
        let budget = MemoryBudget::new(MIB);
        let all = budget.try_take(MIB, &Share::default()).unwrap();
        let (mut client, mut frames) = reader(&budget);
        client.write_all(&[&claim(3)[..], b"abc"].concat()).await.unwrap();
        assert!(timeout(10 * PAUSE_MAX, frames.next()).await.is_err());
        let mut later = budget.take(MIB, &Share::default());
        assert!((&mut later).now_or_never().is_none());
        drop(all);
        assert!((&mut later).now_or_never().is_none(), "the frame was there before");
        assert_eq!(frames.next().await.unwrap().unwrap().bytes[..], *b"abc");
    }

    #[tokio::test]
    async fn an_end_inside_a_frame_is_an_error_and_one_between_frames_is_none() {
        let whole = [&claim(7)[..], b"content"].concat();
        for cut in 1..whole.len() {
            let (mut client, mut frames) = reader(&MemoryBudget::new(MIB));
            client.write_all(&whole[..cut]).await.unwrap();
            drop(client);
            assert!(matches!(frames.next().await, Err(FrameError::Truncated)), "cut at {cut}");
        }
        let (mut client, mut frames) = reader(&MemoryBudget::new(MIB));
        client.write_all(&whole).await.unwrap();
        drop(client);
        assert!(frames.next().await.unwrap().is_some());
        assert!(frames.next().await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_length_that_no_request_has_is_refused_unread() {
        for length in [-1, i32::MIN, claimed_over(8 * MIB), i32::MAX] {
            let (mut client, mut frames) = reader(&MemoryBudget::new(MIB));
            client.write_all(&length.to_be_bytes()).await.unwrap();
            let refused = frames.next().await.map(|_| ()).unwrap_err();
            assert_eq!(matches!(refused, FrameError::Negative(_)), length < 0, "{refused}");
            assert_eq!(matches!(refused, FrameError::Oversized { .. }), length > 0, "{refused}");
        }
    }

    fn claimed_over(max: usize) -> i32 {
        i32::try_from(max + 1).unwrap()
    }

    #[tokio::test]
    async fn a_frames_memory_has_one_owner() {
        let (mut client, mut frames) = reader(&MemoryBudget::new(MIB));
        client.write_all(&[&claim(3)[..], b"one", &claim(3), b"two"].concat()).await.unwrap();
        let first = frames.next().await.unwrap().unwrap();
        let _second = frames.next().await.unwrap().unwrap();
        assert!(first.bytes.try_into_mut().is_ok(), "a batch is patched where it arrived");
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]

        /// However the bytes arrive, and wherever the reader is interrupted.
        #[test]
        fn no_byte_is_lost_between_interrupted_reads(
            contents in proptest::collection::vec(
                proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200),
                1..5,
            ),
            piece in 1_usize..50,
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async {
                let (mut client, mut frames) = reader(&MemoryBudget::new(MIB));
                let framed = contents.iter().flat_map(|c| [&claim(c.len())[..], c].concat());
                let mut read = Vec::new();
                for piece in framed.collect::<Vec<_>>().chunks(piece) {
                    client.write_all(piece).await.unwrap();
                    // Without it tokio would hold back what is there, for other tasks' sake.
                    tokio::task::yield_now().await;
                    // Each of these futures is dropped wherever it stands when the bytes run out.
                    while let Some(next) = frames.next().now_or_never() {
                        read.push(next.unwrap().unwrap().bytes.to_vec());
                    }
                }
                assert_eq!(read, contents);
            });
        }
    }
}
