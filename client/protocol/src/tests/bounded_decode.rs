//! No bytes can panic the decoder, or make it allocate more than a small multiple of their length.
//!
//! The test binary's allocator counts what each thread holds, so that the peak of one call can be
//! told while other tests run.

#![allow(unsafe_code)] // An allocator can only be written with it.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

use bytes::Bytes;
use kafka_protocol::protocol as their;
use proptest::{
    collection::vec,
    prelude::any,
    test_runner::{Config, TestRunner},
};

use super::{
    every_message::{Visitor, visit_every_message},
    generate::{Choices, Generate},
};
use crate::{
    DECODED_BYTES_PER_BYTE_MAX, DecodeError, Message, Reader, Sink,
    api::describe_configs::DescribeConfigsRequest,
};

/// What decoding may allocate whatever the length: the frame's own reference count and the like.
const DECODED_BYTES_BASE: usize = 256;

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

// SAFETY: passes every call on to the system's allocator unchanged. The thread-locals need no
// memory and have no destructor. `realloc` is the provided one, which holds both blocks at once.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let held = HELD.get() + layout.size().cast_signed();
        HELD.set(held);
        PEAK.set(PEAK.get().max(held));
        // SAFETY: the caller's promises are the system allocator's conditions.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.set(HELD.get() - layout.size().cast_signed());
        // SAFETY: as above; every block came from the system's allocator.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// The most bytes that this thread allocated during a call, beyond what it held before.
fn peak_of<R>(call: impl FnOnce() -> R) -> (R, usize) {
    let before = HELD.get();
    PEAK.set(before);
    let result = call();
    (result, usize::try_from(PEAK.get() - before).unwrap())
}

/// Decodes, and checks the peak.
fn decode<M: Message>(bytes: &[u8], version: i16) -> Result<M, DecodeError> {
    let frame = Bytes::copy_from_slice(bytes);
    let (result, peak) = peak_of(|| M::read(&mut Reader::new(frame), version));
    let allowed = bytes.len() * DECODED_BYTES_PER_BYTE_MAX + DECODED_BYTES_BASE;
    assert!(
        peak <= allowed,
        "{} v{version}: {peak} bytes allocated to decode {}: {bytes:02x?}",
        M::NAME,
        bytes.len()
    );
    result
}

fn encoded<M: Message + Generate>(mut choices: Choices, version: i16) -> Vec<u8> {
    let mut bytes = Vec::new();
    M::generate(&mut choices, version).write(version, &mut bytes);
    bytes
}

/// Lengths that no frame can hold: 2^31 - 1 and -2 as an int32, as an int16, and as varints.
const HOSTILE: &[&[u8]] = &[
    &[0x7f, 0xff, 0xff, 0xff],
    &[0xff, 0xff, 0xff, 0xfe],
    &[0x7f, 0xff],
    &[0xff, 0xff, 0xff, 0xff, 0x07],
    &[0xff, 0xff, 0xff, 0xff, 0x0f],
    &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
];

#[test]
fn the_worst_case_is_empty_strings_within_arrays_that_lie() {
    let mut worst = 0;
    for count in 1_u16..1500 {
        // One resource of many, with so many keys.
        let mut bytes = vec![0xff, 0x01, 2, 1];
        bytes.put_uvarint(u32::from(count) + 1);
        bytes.extend(vec![1; usize::from(count)]);
        assert!(decode::<DescribeConfigsRequest>(&bytes, 4).is_err());
        let frame = Bytes::copy_from_slice(&bytes);
        let read = || DescribeConfigsRequest::read(&mut Reader::new(frame), 4).is_err();
        worst = worst.max(peak_of(read).1 / bytes.len());
    }
    let close = DECODED_BYTES_PER_BYTE_MAX * 9 / 10..=DECODED_BYTES_PER_BYTE_MAX;
    assert!(close.contains(&worst), "the constant may be smaller: {worst}");
}

/// A visitor from one check of a message at a version.
macro_rules! visitors {
    ($($name:ident: |$version:ident| $body:block)*) => {$(
        #[test]
        fn $name() {
            struct Check;
            impl Visitor for Check {
                fn visit<M, Theirs>(&mut self)
                where
                    M: Message + Generate,
                    Theirs: their::Message + their::Encodable + their::Decodable + std::fmt::Debug,
                {
                    for $version in M::VERSIONS $body
                }
            }
            visit_every_message(&mut Check);
        }
    )*};
}

visitors! {
    every_truncation_is_refused: |version| {
        let bytes = encoded::<M>(Choices::most(), version);
        for end in 0..bytes.len() {
            assert!(decode::<M>(&bytes[..end], version).is_err(), "{} v{version}", M::NAME);
        }
    }

    hostile_lengths_at_every_position_are_bounded: |version| {
        let bytes = encoded::<M>(Choices::most(), version);
        for at in 0..bytes.len() {
            for hostile in HOSTILE {
                // In place of as many bytes, and in place of a varint of one byte.
                for replaced in [hostile.len(), 1] {
                    let rest = bytes.get(at + replaced..).unwrap_or_default();
                    let _ = decode::<M>(&[&bytes[..at], hostile, rest].concat(), version);
                }
            }
        }
    }

    hostile_lengths_before_many_bytes_are_bounded: |version| {
        let bytes = encoded::<M>(Choices::most(), version);
        for at in 0..bytes.len() {
            for filler in [0x00, 0x01, 0x02] {
                let length = 4096_i32.to_be_bytes();
                let _ = decode::<M>(&[&bytes[..at], &length, &[filler; 4096]].concat(), version);
                let _ = decode::<M>(&[&bytes[..at], &[0x80, 0x20], &[filler; 4096]].concat(), version);
            }
        }
    }

    many_small_elements_are_bounded: |version| {
        for depth in 0..4 {
            for length in [1, 5, 127, 128, 1025] {
                let bytes = encoded::<M>(Choices::wide(depth, length), version);
                decode::<M>(&bytes, version).unwrap();
            }
        }
    }

    random_bytes_are_bounded: |version| {
        let config = Config { cases: 64, failure_persistence: None, ..Config::default() };
        TestRunner::new(config)
            .run(&vec(any::<u8>(), 0..200), |bytes| {
                let _ = decode::<M>(&bytes, version);
                Ok(())
            })
            .unwrap();
    }

    damaged_messages_are_bounded: |version| {
        let config = Config { cases: 32, failure_persistence: None, ..Config::default() };
        let damage = vec((any::<usize>(), any::<u8>()), 1..4);
        TestRunner::new(config)
            .run(&(vec(any::<u8>(), 0..200), damage), |(choices, damage)| {
                let mut bytes = encoded::<M>(Choices::drawn(choices), version);
                for (at, byte) in damage {
                    let length = bytes.len().max(1);
                    if let Some(target) = bytes.get_mut(at % length) {
                        *target = byte;
                    }
                }
                let _ = decode::<M>(&bytes, version);
                Ok(())
            })
            .unwrap();
    }
}
