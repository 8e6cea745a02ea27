"""A consumer without a group that reads all of a topic from its beginning, whatever happens.

When its input ends it asks where the partitions end and reads up to there. Then it reads everything
again as a new consumer. Meanwhile it prints how many records it has read.
"""

import argparse
import itertools
import select
import sys
import time
from collections.abc import Iterator
from typing import Protocol

from history import History, now

POLL_SECONDS = 0.2
RECORDS_MAX = 2000
# Nothing is broken any more at the end, so that what there is comes soon.
LAST_READ_SECONDS = 300

Records = dict[int, list[tuple[int, int]]]


class Broken(Exception):
    """A consumer met an error after which another one is needed."""


class Consumer(Protocol):
    """One client library. It starts at the beginning of all partitions."""

    def poll(self) -> Records:
        """Offsets and values by partition. May find that the consumer is broken."""

    def ends(self) -> dict[int, int]:
        """Where partitions end. May find that the consumer is broken."""

    def seek(self, positions: dict[int, int]) -> None: ...
    def close(self) -> None: ...


class Confluent:
    def __init__(self, bootstrap: str, topic: str, partitions: int):
        import confluent_kafka as kafka

        self.error = kafka.KafkaException
        settings = {"bootstrap.servers": bootstrap, "group.id": "unused", "log_level": 4}
        # Nothing is ever deleted, so no position may be out of range.
        settings |= {"enable.auto.commit": False, "auto.offset.reset": "error"}
        self.consumer = kafka.Consumer(settings)
        self.partitions = [
            kafka.TopicPartition(topic, partition, kafka.OFFSET_BEGINNING)
            for partition in range(partitions)
        ]
        self.consumer.assign(self.partitions)
        self.is_final = lambda error: error.fatal() or error.code() in (
            kafka.KafkaError._AUTO_OFFSET_RESET,
            kafka.KafkaError.OFFSET_OUT_OF_RANGE,
        )

    def poll(self) -> Records:
        found: Records = {}
        for message in self.consumer.consume(RECORDS_MAX, timeout=POLL_SECONDS):
            error = message.error()
            if error is None:
                record = message.offset(), int(message.value())
                found.setdefault(message.partition(), []).append(record)
            elif self.is_final(error):
                raise self.error(error)
            # Others are about brokers that are away, and no record is missing.
        return found

    def ends(self) -> dict[int, int]:
        ends = {}
        for partition in self.partitions:
            _, end = self.consumer.get_watermark_offsets(partition, timeout=10)
            ends[partition.partition] = end
        return ends

    def seek(self, positions: dict[int, int]) -> None:
        raise AssertionError("its polls do not fail")

    def close(self) -> None:
        self.consumer.close()


class KafkaPython:
    def __init__(self, bootstrap: str, topic: str, partitions: int):
        import kafka

        self.errors = kafka.errors
        self.partitions = [kafka.TopicPartition(topic, number) for number in range(partitions)]
        self.consumer = kafka.KafkaConsumer(
            bootstrap_servers=bootstrap.split(","),
            enable_auto_commit=False,
            # Nothing is ever deleted, so no position may be out of range.
            auto_offset_reset="none",
            max_poll_records=RECORDS_MAX,
        )
        self.consumer.assign(self.partitions)
        self.consumer.seek_to_beginning()

    def poll(self) -> Records:
        try:
            polled = self.consumer.poll(timeout_ms=int(POLL_SECONDS * 1000))
        except (self.errors.OffsetOutOfRangeError, self.errors.NoOffsetForPartitionError):
            raise
        except self.errors.KafkaError as error:
            # It may have taken note of a request that it then did not send, and would wait for the
            # answer for ever.
            raise Broken(repr(error)) from error
        return {
            partition.partition: [(record.offset, int(record.value)) for record in records]
            for partition, records in polled.items()
        }

    def ends(self) -> dict[int, int]:
        try:
            ends = self.consumer.end_offsets(self.partitions)
        except self.errors.KafkaError as error:
            raise Broken(repr(error)) from error
        return {partition.partition: end for partition, end in ends.items()}

    def seek(self, positions: dict[int, int]) -> None:
        for partition in self.partitions:
            self.consumer.seek(partition, positions[partition.partition])

    def close(self) -> None:
        self.consumer.close()


LIBRARIES = {"confluent-kafka": Confluent, "kafka-python": KafkaPython}


class Reader:
    """Reads everything from the beginning, by one consumer or, if that breaks, by several. Each of
    them is a process in Jepsen's sense."""

    def __init__(self, given: argparse.Namespace, processes: Iterator[int], history: History):
        self.given, self.processes, self.history = given, processes, history
        self.positions = dict.fromkeys(range(given.partitions), 0)
        self.begin(**{"seek-to-beginning?": True})

    def begin(self, **how: object) -> None:
        given = self.given
        self.process = next(self.processes)
        keys = list(self.positions)
        self.history.operation(self.process, "assign", now(), keys, keys, **how)
        self.consumer = LIBRARIES[given.library](given.bootstrap, given.topic, given.partitions)

    def go_on(self, error: Broken) -> None:
        """With another consumer, from where the broken one was."""
        print(error, file=sys.stderr, flush=True)
        self.consumer.close()
        self.begin()
        self.consumer.seek(self.positions)

    def read(self) -> int:
        """One poll. Returns how many records came."""
        begun = now()
        try:
            found = self.consumer.poll()
        except Broken as error:
            self.go_on(error)
            return 0
        if not any(found.values()):
            return 0
        self.history.operation(self.process, "poll", begun, [["poll"]], [["poll", found]])
        for partition, records in found.items():
            self.positions[partition] = records[-1][0] + 1
        return sum(map(len, found.values()))

    def ends(self) -> dict[int, int]:
        while True:
            begun = now()
            try:
                ends = self.consumer.ends()
            except Broken as error:
                self.go_on(error)
                continue
            asked = dict.fromkeys(ends)
            self.history.operation(self.process, "latest-offsets", begun, asked, ends)
            return ends

    def read_up_to(self, ends: dict[int, int]) -> int:
        deadline = time.monotonic() + LAST_READ_SECONDS
        count = 0
        while any(self.positions[partition] < end for partition, end in ends.items()):
            assert time.monotonic() < deadline, f"it is at {self.positions}, the ends are {ends}"
            count += self.read()
        return count


def run(given: argparse.Namespace) -> None:
    history = History(given.history)
    processes = itertools.count(given.first_process)
    riding = Reader(given, processes, history)
    count, printed_at = 0, 0.0
    while not input_ended():
        count += riding.read()
        if time.monotonic() >= printed_at + 1:
            print(count, flush=True)
            printed_at = time.monotonic()
    ends = riding.ends()
    count += riding.read_up_to(ends)
    riding.consumer.close()
    again = Reader(given, processes, history)
    count += again.read_up_to(ends)
    again.consumer.close()
    print(count, flush=True)
    history.close()


def input_ended() -> bool:
    ready, _, _ = select.select([sys.stdin], [], [], 0)
    return bool(ready) and not sys.stdin.read(1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("library", choices=LIBRARIES)
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--topic", required=True)
    parser.add_argument("--partitions", type=int, required=True)
    parser.add_argument("--history", required=True)
    parser.add_argument("--first-process", type=int, required=True)
    run(parser.parse_args())
