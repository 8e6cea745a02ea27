use std::{
    pin::Pin,
    task::{Context, Poll},
};

use proptest::prelude::*;
use tokio::io::{ReadBuf, duplex};

use super::*;

/// Gives what it has in pieces of a chosen size, then ends.
struct Pieces {
    bytes: Bytes,
    piece: usize,
}

impl AsyncRead for Pieces {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let length = self.piece.min(self.bytes.len()).min(out.remaining());
        out.put_slice(&self.bytes.split_to(length));
        Poll::Ready(Ok(()))
    }
}

fn run<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn read_all(bytes: Vec<u8>, piece: usize, max: usize) -> (Vec<Bytes>, Option<FrameError>) {
    let mut stream = Pieces { bytes: bytes.into(), piece };
    let mut reader = FrameReader::new(max);
    let mut frames = Vec::new();
    loop {
        match run(reader.next(&mut stream)) {
            Ok(Some(frame)) => frames.push(frame),
            Ok(None) => return (frames, None),
            Err(error) => return (frames, Some(error)),
        }
    }
}

fn framed(bodies: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for body in bodies {
        bytes.extend(i32::try_from(body.len()).unwrap().to_be_bytes());
        bytes.extend(body);
    }
    bytes
}

proptest! {
    #[test]
    fn frames_survive_any_cut(
        bodies in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 0..8),
        piece in 1_usize..64,
    ) {
        let (frames, error) = read_all(framed(&bodies), piece, 300);
        prop_assert!(error.is_none());
        prop_assert_eq!(frames, bodies);
    }

    #[test]
    fn any_bytes_end_in_frames_or_a_typed_error(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let (frames, _) = read_all(bytes.clone(), 7, 1000);
        prop_assert!(frames.iter().map(Bytes::len).sum::<usize>() <= bytes.len());
    }
}

#[test]
fn a_stream_that_ends_within_a_frame_is_told_from_one_that_ends_between() {
    let whole = framed(&[b"abc".to_vec()]);
    assert!(matches!(read_all(whole.clone(), 9, 9), (frames, None) if frames.len() == 1));
    let (_, error) = read_all(whole[..6].to_vec(), 9, 9);
    assert!(matches!(error, Some(FrameError::Truncated { have: 2, size: 3 })));
    let (_, error) = read_all(whole[..2].to_vec(), 9, 9);
    assert!(matches!(error, Some(FrameError::Truncated { have: 0, size: 0 })));
}

#[test]
fn negative_and_oversized_lengths_are_refused_before_the_body_is_read() {
    let (_, error) = read_all((-1_i32).to_be_bytes().to_vec(), 4, 9);
    assert!(matches!(error, Some(FrameError::Negative(-1))));
    let (_, error) = read_all(10_i32.to_be_bytes().to_vec(), 4, 9);
    assert!(matches!(error, Some(FrameError::Oversized { size: 10, max: 9 })));
}

#[test]
fn a_length_that_lies_costs_no_more_than_one_step() {
    let mut bytes = i32::MAX.to_be_bytes().to_vec();
    bytes.extend([0; 10]);
    let mut reader = FrameReader::new(usize::MAX);
    let error = run(reader.next(&mut Pieces { bytes: bytes.into(), piece: 100 })).unwrap_err();
    assert!(matches!(error, FrameError::Truncated { have: 10, .. }));
    assert!(reader.body.capacity() <= 2 * RESERVED_BYTES_MAX);
}

#[test]
fn a_large_frame_arrives_whole_in_one_buffer() {
    let body: Vec<u8> = (0..5_000_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    let (frames, error) = read_all(framed(std::slice::from_ref(&body)), 100_000, 8 << 20);
    assert!(error.is_none());
    assert_eq!(frames, [body]);
}

#[test]
fn a_peer_is_believed_a_length_that_it_has_reached_before() {
    let size = 3 * RESERVED_BYTES_MAX + 7;
    let mut bytes = framed(&[vec![1; size]]);
    bytes.extend(i32::try_from(2 * size).unwrap().to_be_bytes());
    bytes.push(1);
    let mut stream = Pieces { bytes: bytes.into(), piece: 100_000 };
    let mut reader = FrameReader::new(usize::MAX);
    assert_eq!(run(reader.next(&mut stream)).unwrap().unwrap().len(), size);
    run(reader.next(&mut stream)).unwrap_err();
    assert_eq!(reader.body.capacity(), size);
}

#[test]
fn a_dropped_read_loses_nothing() {
    run(async {
        let (mut near, mut far) = duplex(1024);
        let mut reader = FrameReader::new(100);
        for byte in framed(&[b"patience".to_vec()]) {
            let next = std::pin::pin!(reader.next(&mut near));
            assert!(futures_util::poll!(next).is_pending());
            far.write_all(&[byte]).await.unwrap();
        }
        assert!(!reader.is_between_frames());
        assert_eq!(reader.next(&mut near).await.unwrap().unwrap(), "patience");
        assert!(reader.is_between_frames());
    });
}

#[test]
fn what_is_written_is_read() {
    run(async {
        let (mut near, mut far) = duplex(7);
        let chunks: Vec<Bytes> = (0..3000_u32).map(|n| n.to_string().into()).collect();
        let (written, frame) =
            tokio::join!(write_frame(&mut far, &chunks), read_frame(&mut near, 1 << 20));
        written.unwrap();
        assert_eq!(frame.unwrap().unwrap(), chunks.concat());
    });
}
