"""An idempotent librdkafka producer that sends at a steady rate, and what it was told.

Each partition gets numbers that grow. The producer never waits for an answer: what is sent to a
partition until nothing is outstanding there is one operation of the history. Records whose delivery
failed are an operation of their own, of which nobody knows whether it happened.

With `--patience` all that is outstanding is given up, and the producer with it, as soon as a
partition acknowledges nothing for so long, and another producer goes on. (Short delivery timeouts
are not the same. There librdkafka takes a new producer epoch and sends again what it had sent and
not given up, and no broker can know that: idempotence ends with the epoch.)

It ends when its input does, after the last report. Meanwhile it prints how many records are
acknowledged, how many failed, and for how many milliseconds a partition acknowledged nothing.
"""

import argparse
import select
import sys
import time
from functools import partial

from confluent_kafka import KafkaException, Producer

from history import History, now

TICK_SECONDS = 0.02
PROGRESS_SECONDS = 0.2
PADDING = b" " * 100


class Partition:
    """What one producer sends to one partition."""

    def __init__(self, number: int, process: int, history: History):
        self.number = number
        self.process = process
        self.history = history
        self.begun = 0
        self.sent: list[int] = []
        self.told: dict[int, int | None] = {}
        self.errors: dict[int, str] = {}
        self.unknown = 0
        self.acknowledged_at = time.monotonic()
        self.longest_gap = 0.0

    def sends(self, value: int) -> None:
        if not self.sent:
            self.begun = now()
        self.sent.append(value)

    def takes_back(self, value: int) -> None:
        """It did not even get into the producer's queue."""
        self.sent.remove(value)
        self.ends()

    def reported(self, value: int, error, message) -> None:
        if error is None:
            # Of a batch that it sent twice, librdkafka may know no offset.
            self.told[value] = message.offset() if message.offset() >= 0 else None
            self.longest_gap = max(self.longest_gap, self.gap())
            self.acknowledged_at = time.monotonic()
        else:
            if error.fatal():
                raise KafkaException(error)
            self.errors[value] = error.name()
        self.ends()

    def ends(self) -> None:
        """Ends the operation, if nothing is outstanding."""
        if len(self.told) + len(self.errors) < len(self.sent):
            return
        known = [value for value in self.sent if value in self.told]
        if known:
            asked = [["send", self.number, value] for value in known]
            told = [["send", self.number, [self.told[value], value]] for value in known]
            self.history.operation(self.process, "send", self.begun, asked, told)
        if self.errors:
            # A process is never heard of again after an unknown outcome.
            self.unknown += 1
            process = self.process + 1000 * self.unknown
            asked = [["send", self.number, value] for value in self.errors]
            why = ", ".join(sorted(set(self.errors.values())))
            self.history.operation(process, "send", self.begun, asked, None, error=why)
        self.sent, self.told, self.errors = [], {}, {}

    def gap(self) -> float:
        return time.monotonic() - self.acknowledged_at

    def longest_gap_since(self) -> float:
        """The longest since this was last asked, or the one that lasts."""
        longest, self.longest_gap = max(self.longest_gap, self.gap()), 0.0
        return longest


class Load:
    def __init__(self, given: argparse.Namespace):
        self.settings = {
            "bootstrap.servers": given.bootstrap,
            "acks": "all",
            "enable.idempotence": True,
            # Small batches, so that several are on their way to each partition.
            "linger.ms": 5,
            "batch.num.messages": 5,
            # Before it tries a broker again it waits ever longer, up to ten seconds otherwise. Gaps
            # are to tell of the cluster and not of that.
            "reconnect.backoff.max.ms": 500,
            "log_level": 4,
        }
        self.topic, self.rate, self.patience = given.topic, given.rate, given.patience
        self.writer, self.writers = given.writer, given.writers
        self.history = History(given.history)
        first = given.first_process
        self.partitions = [
            Partition(number, first + number, self.history) for number in range(given.partitions)
        ]
        self.acknowledged = self.failed = 0
        self.begin()

    def begin(self) -> None:
        self.producer = Producer(self.settings)
        self.begun = time.monotonic()

    def run(self) -> None:
        begun = time.monotonic()
        number, progress_at = 0, begun
        while not input_ended():
            due = int((time.monotonic() - begun) * self.rate / len(self.partitions))
            while number < due:
                for partition in self.partitions:
                    self.send(partition, number * self.writers + self.writer)
                number += 1
            self.producer.poll(TICK_SECONDS)
            if self.patience_ends():
                self.give_up()
                self.begin()
            if time.monotonic() >= progress_at:
                self.print_progress()
                progress_at = time.monotonic() + PROGRESS_SECONDS
        while any(partition.sent for partition in self.partitions):
            self.producer.flush(PROGRESS_SECONDS)
            self.print_progress()
        self.history.close()

    def patience_ends(self) -> bool:
        if self.patience is None or time.monotonic() < self.begun + self.patience:
            return False
        return any(partition.gap() > self.patience for partition in self.partitions)

    def give_up(self) -> None:
        self.producer.purge()
        assert self.producer.flush(10) == 0, "what is purged is reported"

    def send(self, partition: Partition, value: int) -> None:
        partition.sends(value)
        report = partial(self.reported, partition, value)
        payload = b"%d" % value + PADDING
        try:
            self.producer.produce(
                self.topic, value=payload, partition=partition.number, on_delivery=report
            )
        except BufferError:
            partition.takes_back(value)

    def reported(self, partition: Partition, value: int, error, message) -> None:
        if error is None:
            self.acknowledged += 1
        else:
            self.failed += 1
        partition.reported(value, error, message)

    def print_progress(self) -> None:
        gap = max(partition.longest_gap_since() for partition in self.partitions)
        print(self.acknowledged, self.failed, int(gap * 1000), flush=True)


def input_ended() -> bool:
    ready, _, _ = select.select([sys.stdin], [], [], 0)
    return bool(ready) and not sys.stdin.read(1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--topic", required=True)
    parser.add_argument("--partitions", type=int, required=True)
    parser.add_argument("--history", required=True)
    parser.add_argument("--first-process", type=int, required=True)
    parser.add_argument("--rate", type=float, required=True, help="records per second")
    parser.add_argument("--writer", type=int, required=True, help="which of the producers it is")
    parser.add_argument("--writers", type=int, required=True, help="how many there are")
    parser.add_argument("--patience", type=float, help="seconds; endless otherwise")
    Load(parser.parse_args()).run()
