//! Requests that went by: the last of them, to be sent once more.

use std::{
    collections::VecDeque,
    net::{IpAddr, SocketAddr},
};

use madsim::rand::{Rng, thread_rng};

/// How many are remembered.
const RECENT_MAX: usize = 200;

/// Larger ones aren't.
const FRAME_BYTES_MAX: usize = 64 << 10;

/// What changes the cluster by its name: sent once more by nobody's client without asking for it
/// once more, so that it would be another wish, and not a late duplicate. Creating and deleting
/// topics, adding partitions, changing configurations, and whatever a broker passes on.
const WISHES: &[i16] = &[19, 20, 33, 37, 44, 57, 58];

/// A request as it was sent.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) from: IpAddr,
    pub(super) to: SocketAddr,
    /// With its length before it.
    pub(super) frame: Vec<u8>,
}

/// The last requests.
#[derive(Debug, Default)]
pub(super) struct Recent(VecDeque<Request>);

impl Recent {
    pub(super) fn note(&mut self, request: Request) {
        if self.0.len() == RECENT_MAX {
            self.0.pop_front();
        }
        self.0.push_back(request);
    }

    /// One of them.
    pub(super) fn any(&self) -> Option<Request> {
        let index = (!self.0.is_empty()).then(|| thread_rng().gen_range(0..self.0.len()));
        index.map(|index| self.0[index].clone())
    }
}

/// Finds the requests in what one side of a connection sends.
#[derive(Debug)]
pub(super) struct Framing {
    from: IpAddr,
    to: SocketAddr,
    /// What has come of the next one.
    partial: Vec<u8>,
}

impl Framing {
    pub(super) fn new(from: IpAddr, to: SocketAddr) -> Self {
        Self { from, to, partial: Vec::new() }
    }

    /// Takes what was sent, and hands on each request that is complete.
    pub(super) fn take(&mut self, bytes: &[u8], mut hand_on: impl FnMut(Request)) {
        self.partial.extend_from_slice(bytes);
        while let Some(len) = self.next_frame_len() {
            let rest = self.partial.split_off(len);
            let frame = std::mem::replace(&mut self.partial, rest);
            if may_come_again(&frame) {
                hand_on(Request { from: self.from, to: self.to, frame });
            }
        }
    }

    /// The length of the next request, with its length before it, if all of it is there.
    fn next_frame_len(&self) -> Option<usize> {
        let (length, rest) = self.partial.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        (rest.len() >= length).then_some(4 + length)
    }
}

fn may_come_again(frame: &[u8]) -> bool {
    let api_key = frame[4..].first_chunk::<2>().map(|key| i16::from_be_bytes(*key));
    frame.len() <= FRAME_BYTES_MAX && api_key.is_some_and(|key| !WISHES.contains(&key))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framing() -> Framing {
        let from = IpAddr::from([10, 0, 0, 9]);
        Framing::new(from, SocketAddr::from(([10, 0, 0, 1], 9092)))
    }

    fn requests_of(pieces: &[&[u8]]) -> Vec<Vec<u8>> {
        let (mut framing, mut found) = (framing(), Vec::new());
        for piece in pieces {
            framing.take(piece, |request| found.push(request.frame));
        }
        found
    }

    #[test]
    fn a_request_is_found_however_it_is_cut_into_pieces() {
        let sent = [0, 0, 0, 3, 0, 1, 7, 0, 0, 0, 2, 0, 0];
        let expected = vec![sent[..7].to_vec(), sent[7..].to_vec()];
        assert_eq!(requests_of(&[&sent]), expected);
        let bytes: Vec<&[u8]> = sent.chunks(1).collect();
        assert_eq!(requests_of(&bytes), expected);
    }

    #[test]
    fn a_wish_comes_once() {
        assert!(requests_of(&[&[0, 0, 0, 3, 0, 19, 7]]).is_empty());
    }
}
