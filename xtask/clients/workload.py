"""What every real client is put through, and what must come back.

A client takes part by an adapter: a few small methods over its own API. The checks are written
once, here. Each prints one line when it holds; the first that does not ends the program.
"""

import argparse
import os
import random
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from typing import Protocol

import segment

CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]
MEBIBYTE = 1 << 20
# Above one mebibyte, so that a record of one mebibyte and its batch fit.
MAX_MESSAGE_BYTES = 2 * MEBIBYTE

# How many replicas topics have: as many as there are nodes.
REPLICATION_FACTOR = int(os.environ.get("REPLICATION_FACTOR", "1"))

# Kafka's error codes, as far as the checks expect them.
MESSAGE_TOO_LARGE = 10
INVALID_TOPIC = 17
TOPIC_ALREADY_EXISTS = 36
INVALID_PARTITIONS = 37
INVALID_CONFIG = 40


@dataclass(frozen=True)
class Record:
    """A record as a producer hands it over. Timestamps are milliseconds."""

    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    timestamp: int
    partition: int | None = None


@dataclass(frozen=True)
class Stored:
    """A record as a consumer received it."""

    partition: int
    offset: int
    record: Record


@dataclass(frozen=True)
class Mode:
    """How a producer asks for acknowledgement."""

    name: str
    acks: int
    idempotent: bool = False


ACKS_0 = Mode("acks=0", 0)
ACKS_1 = Mode("acks=1", 1)
ACKS_ALL = Mode("acks=all", -1)
IDEMPOTENT = Mode("idempotent", -1, idempotent=True)
# Not acks=0 first: it is never told that a partition was not ready yet.
MODES = [ACKS_1, ACKS_0, ACKS_ALL, IDEMPOTENT]


class Refused(Exception):
    """The broker answered with a Kafka error code."""

    def __init__(self, code: int):
        super().__init__(f"refused with error code {code}")
        self.code = code


class Adapter(Protocol):
    """One client library. Every method blocks until its work is done."""

    name: str
    # Whether its producer can send a header whose value is null.
    null_headers: bool

    def create_topic(self, topic: str, partitions: int, configs: dict[str, str]) -> None: ...

    def delete_topic(self, topic: str) -> None: ...

    def grow_topic(self, topic: str, partitions: int) -> None: ...

    def topics(self) -> dict[str, int]:
        """Every topic, with its number of partitions."""

    def topic_config(self, topic: str, key: str) -> str: ...

    def produce(self, topic: str, records: list[Record], codec: str, mode: Mode) -> None:
        """Sends in order with one producer, and closes it."""

    def read(self, topic: str, starts: dict[int, int | None], count: int) -> list[Stored]:
        """Reads `count` records, each partition from its offset, or from the earliest."""

    def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        """The first offset, and the one after the last."""

    def offset_at(self, topic: str, partition: int, timestamp: int) -> int | None:
        """The first offset whose record is not older than the timestamp."""

    def tail(self, topic: str, partition: int, record: Record) -> Stored:
        """Waits at the end of the log, has the record produced, and receives it."""

    def close(self) -> None: ...


def run(adapter: Adapter, data_dir: str) -> None:
    """Puts one client through every check. `data_dir` is the node's log directory."""
    check = Checks(adapter, data_dir)
    check.topics_are_administered()
    for codec in CODECS:
        check.everything_produced_is_read_back(codec)
    check.a_log_is_read_from_any_offset_and_time()
    check.a_reader_at_the_end_sees_what_comes()
    check.a_record_above_the_topics_limit_is_refused()
    check.a_missing_topic_is_created_by_producing()
    adapter.close()


class Checks:
    def __init__(self, adapter: Adapter, data_dir: str):
        self.client = adapter
        self.data_dir = data_dir

    def topic(self, purpose: str) -> str:
        return f"{self.client.name}.{purpose}"

    def topics_are_administered(self) -> None:
        topic = self.topic("admin")
        self.client.create_topic(topic, 3, {"retention.ms": "86400000"})
        eventually(lambda: self.client.topics().get(topic) == 3, "the topic has 3 partitions")
        assert self.client.topic_config(topic, "retention.ms") == "86400000"
        assert self.client.topic_config(topic, "cleanup.policy") == "delete"
        refused(TOPIC_ALREADY_EXISTS, lambda: self.client.create_topic(topic, 1, {}))
        refused(INVALID_TOPIC, lambda: self.client.create_topic("a/b", 1, {}))
        no_number = {"retention.ms": "soon"}
        refused(
            INVALID_CONFIG, lambda: self.client.create_topic(self.topic("bad"), 1, no_number)
        )
        self.client.grow_topic(topic, 5)
        eventually(lambda: self.client.topics().get(topic) == 5, "the topic has 5 partitions")
        refused(INVALID_PARTITIONS, lambda: self.client.grow_topic(topic, 4))
        self.client.delete_topic(topic)
        eventually(lambda: topic not in self.client.topics(), "the topic is gone")
        passed("topics are created, described, grown, refused and deleted")

    def everything_produced_is_read_back(self, codec: str) -> None:
        topic = self.topic(codec)
        partitions = 3
        self.create(topic, partitions, {"max.message.bytes": str(MAX_MESSAGE_BYTES)})
        rounds = []
        for number, mode in enumerate(MODES):
            rounds.append(records_of_round(number, self.client.null_headers))
            self.client.produce(topic, rounds[-1], codec, mode)
        sent = [record for round in rounds for record in round]

        received = self.client.read(topic, dict.fromkeys(range(partitions)), len(sent))
        assert_same_records(sent, received)
        stored = sum(end - first for first, end in self.all_bounds(topic, partitions))
        assert stored == len(sent), f"{stored} records are stored, {len(sent)} were sent"
        # Without idempotence a batch that is sent again may come after its successors.
        assert_in_order(rounds[MODES.index(IDEMPOTENT)], received)
        for one in received:
            if one.record.key is not None:
                assert one.partition == murmur2(one.record.key) % partitions, one.record.key
        self.assert_stored_with(codec, topic, partitions)
        modes = ", ".join(mode.name for mode in MODES)
        passed(f"{codec}: {len(sent)} records are read back ({modes})")

    def a_log_is_read_from_any_offset_and_time(self) -> None:
        topic = self.topic("seek")
        self.create(topic, 1, {})
        base = now_ms() - 1_000_000
        records = [
            Record(None, b"%d" % i, (), base + i * 1000, partition=0) for i in range(300)
        ]
        # Three producers, so that the log is several batches.
        for part in (records[:100], records[100:200], records[200:]):
            self.client.produce(topic, part, "none", IDEMPOTENT)

        for start in (0, 1, 99, 100, 150, 299):
            count = len(records) - start
            received = self.client.read(topic, {0: start}, count)
            assert [one.offset for one in received] == list(range(start, len(records)))
            assert [one.record.value for one in received] == [r.value for r in records[start:]]
        passed("reading starts at any offset")

        for i in (0, 1, 99, 100, 101, 250, 299):
            assert self.client.offset_at(topic, 0, base + i * 1000) == i
            assert self.client.offset_at(topic, 0, base + i * 1000 - 500) == i
        assert self.client.offset_at(topic, 0, base - 1_000_000) == 0
        assert self.client.offset_at(topic, 0, base + 300 * 1000) is None
        assert self.client.bounds(topic, 0) == (0, 300)
        passed("offsets are found by timestamp")

    def a_reader_at_the_end_sees_what_comes(self) -> None:
        topic = self.topic("tail")
        self.create(topic, 1, {})
        old = [Record(None, b"old", (), now_ms(), partition=0)]
        self.client.produce(topic, old, "none", ACKS_1)
        new = Record(b"key", b"new", (), now_ms(), partition=0)
        received = self.client.tail(topic, 0, new)
        assert received.offset == 1, received.offset
        assert_same_records([new], [received])
        passed("a reader waiting at the end receives the next record")

    def a_record_above_the_topics_limit_is_refused(self) -> None:
        topic = self.topic("small")
        self.create(topic, 1, {"max.message.bytes": "1000"})
        large = Record(None, random.Random(0).randbytes(2000), (), now_ms(), partition=0)
        refused(
            MESSAGE_TOO_LARGE, lambda: self.client.produce(topic, [large], "none", ACKS_1)
        )
        small = replace(large, value=b"small")
        self.client.produce(topic, [small], "none", ACKS_1)
        assert_same_records([small], self.client.read(topic, {0: None}, 1))
        passed("a record above max.message.bytes is refused, the next one is not")

    def a_missing_topic_is_created_by_producing(self) -> None:
        topic = self.topic("auto")
        record = Record(b"key", b"value", (), now_ms())
        self.client.produce(topic, [record], "none", ACKS_ALL)
        assert_same_records([record], self.client.read(topic, {0: None}, 1))
        passed("producing creates a missing topic")

    def create(self, topic: str, partitions: int, configs: dict[str, str]) -> None:
        self.client.create_topic(topic, partitions, configs)
        eventually(lambda: self.client.topics().get(topic) == partitions, f"{topic} is there")

    def all_bounds(self, topic: str, partitions: int) -> list[tuple[int, int]]:
        return [self.client.bounds(topic, partition) for partition in range(partitions)]

    def assert_stored_with(self, codec: str, topic: str, partitions: int) -> None:
        """Looks into the segment files: did the client compress, and is it stored as sent?"""
        batches = [
            batch
            for partition in range(partitions)
            for batch in segment.batches(f"{self.data_dir}/{topic}-{partition}")
        ]
        # A client may send a batch plain that compression would make larger.
        seen = {batch.codec for batch in batches} - {"none"}
        assert seen == {codec} - {"none"}, f"stored codecs: {seen}"


def records_of_round(number: int, null_headers: bool) -> list[Record]:
    """A hundred records with everything a record can have, each unlike every other."""
    base = now_ms()
    numbers = random.Random(number)
    headers = (("trace", b"\x00\xff"), ("trace", b"again"), ("empty", b""))
    headers += (("null", None),) if null_headers else ()
    records = []
    for i in range(100):
        name = f"{number}/{i}".encode()
        key = None if i % 5 == 0 else b"key-%d" % (i % 7)
        value = name + b" " + b"payload " * (i % 50)
        if i % 10 == 3:
            key, value = b"gone/" + name, None
        elif i % 10 == 7:
            key, value = b"empty/" + name, b""
        elif i == 50:
            half = numbers.randbytes(MEBIBYTE // 2)
            value = (name + b" " + half + half)[:MEBIBYTE]
        records.append(Record(key, value, headers if i % 3 == 0 else (), base + i))
    return records


def assert_same_records(sent: list[Record], received: list[Stored]) -> None:
    """Each record exactly once, with key, value, headers and timestamp as they were sent."""
    expected = Counter(replace(record, partition=None) for record in sent)
    actual = Counter(replace(one.record, partition=None) for one in received)
    missing, surplus = expected - actual, actual - expected
    assert not missing and not surplus, (
        f"{missing.total()} records are missing, {surplus.total()} were not expected; "
        f"missing: {brief(missing)}; not expected: {brief(surplus)}"
    )


def assert_in_order(round: list[Record], received: list[Stored]) -> None:
    """Within each partition the records of one producer keep their order."""
    position = {replace(record, partition=None): i for i, record in enumerate(round)}
    last: dict[int, int] = defaultdict(lambda: -1)
    for one in sorted(received, key=lambda one: one.offset):
        at = position.get(replace(one.record, partition=None))
        if at is not None:
            assert at > last[one.partition], f"out of order at offset {one.offset}"
            last[one.partition] = at


def brief(records: Counter) -> list[str]:
    return [
        f"key {record.key!r} value {(record.value or b'')[:20]!r} at {record.timestamp} "
        f"headers {record.headers!r}"
        for record in list(records)[:3]
    ]


def refused(code: int, action) -> None:
    try:
        action()
    except Refused as refusal:
        assert refusal.code == code, f"error code {refusal.code}, expected {code}"
    else:
        raise AssertionError(f"accepted, expected error code {code}")


def eventually(condition, what: str, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.05)


def passed(check: str) -> None:
    print(f"ok {check}", flush=True)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def murmur2(key: bytes) -> int:
    """The hash of Kafka's default partitioner, its sign bit cleared."""
    mask, factor = 0xFFFFFFFF, 0x5BD1E995
    value = 0x9747B28C ^ len(key)
    whole = len(key) - len(key) % 4
    for i in range(0, whole, 4):
        k = int.from_bytes(key[i : i + 4], "little") * factor & mask
        k = (k ^ k >> 24) * factor & mask
        value = value * factor & mask ^ k
    if whole < len(key):
        value = (value ^ int.from_bytes(key[whole:], "little")) * factor & mask
    value = (value ^ value >> 13) * factor & mask
    return (value ^ value >> 15) & 0x7FFFFFFF


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--bootstrap", required=True, help="HOST:PORT of the node")
    parser.add_argument("--data-dir", required=True, help="the node's log directory")
    parser.add_argument("program", nargs=argparse.REMAINDER, help="the adapter, where it is a program")
    return parser.parse_args()
