"""Reads the headers of the record batches in a partition's segment files.

It shares no code with the broker, so that it can contradict it.
"""

import glob
import struct
from dataclasses import dataclass

CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]
# base offset, length, leader epoch, magic, CRC, attributes, last offset delta
HEADER = struct.Struct(">qiibIhi")
# The length field counts from behind itself.
BEFORE_LENGTH_COUNTS = 12


@dataclass(frozen=True)
class Batch:
    base_offset: int
    last_offset: int
    codec: str


def batches(directory: str) -> list[Batch]:
    """All batches of one partition, in order. Each must begin where the last one ended."""
    files = sorted(glob.glob(f"{directory}/*.log"))
    assert files, f"no segment in {directory}"
    found: list[Batch] = []
    for file in files:
        with open(file, "rb") as segment:
            found += in_segment(segment.read())
    for one, next in zip(found, found[1:]):
        assert next.base_offset == one.last_offset + 1, f"a gap behind {one} in {directory}"
    return found


def in_segment(data: bytes) -> list[Batch]:
    found, at = [], 0
    while at < len(data):
        base, length, _epoch, magic, _crc, attributes, delta = HEADER.unpack_from(data, at)
        assert magic == 2, f"magic {magic} at byte {at}"
        found.append(Batch(base, base + delta, CODECS[attributes & 7]))
        at += BEFORE_LENGTH_COUNTS + length
    assert at == len(data), "the last batch is cut short"
    return found
