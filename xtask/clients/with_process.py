"""A client in another language: a program that answers one JSON line with one JSON line.

A request names the adapter's method as `op`, beside its arguments. An answer is `{"ok": ..}`,
`{"refused": CODE}` with Kafka's error code, or `{"error": TEXT}`. Bytes travel as hex digits.
"""

import json
import subprocess

import workload
from workload import Mode, Record, Refused, Stored


class Process:
    null_headers = True

    def __init__(self, name: str, command: list[str]):
        self.name = name
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def create_topic(self, topic: str, partitions: int, configs: dict[str, str]) -> None:
        self.call(
            "create_topic",
            topic=topic,
            partitions=partitions,
            replication_factor=workload.REPLICATION_FACTOR,
            configs=configs,
        )

    def delete_topic(self, topic: str) -> None:
        self.call("delete_topic", topic=topic)

    def grow_topic(self, topic: str, partitions: int) -> None:
        self.call("grow_topic", topic=topic, partitions=partitions)

    def topics(self) -> dict[str, int]:
        return self.call("topics")

    def topic_config(self, topic: str, key: str) -> str:
        return self.call("topic_config", topic=topic, key=key)

    def produce(self, topic: str, records: list[Record], codec: str, mode: Mode) -> None:
        self.call(
            "produce",
            topic=topic,
            records=[encoded(record) for record in records],
            codec=codec,
            acks=mode.acks,
            idempotent=mode.idempotent,
        )

    def read(self, topic: str, starts: dict[int, int | None], count: int) -> list[Stored]:
        listed = [[partition, at] for partition, at in starts.items()]
        return [decoded(one) for one in self.call("read", topic=topic, starts=listed, count=count)]

    def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        return tuple(self.call("bounds", topic=topic, partition=partition))

    def offset_at(self, topic: str, partition: int, timestamp: int) -> int | None:
        return self.call("offset_at", topic=topic, partition=partition, timestamp=timestamp)

    def tail(self, topic: str, partition: int, record: Record) -> Stored:
        found = self.call("tail", topic=topic, partition=partition, record=encoded(record))
        return decoded(found)

    def call(self, op: str, **arguments):
        self.process.stdin.write(json.dumps({"op": op, **arguments}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, f"the adapter ended with {self.process.wait()} during {op}"
        answer = json.loads(line)
        if "refused" in answer:
            raise Refused(answer["refused"])
        assert "error" not in answer, f"{op}: {answer['error']}"
        return answer["ok"]

    def close(self) -> None:
        self.process.stdin.close()
        assert self.process.wait(timeout=30) == 0, "the adapter failed while it ended"


def encoded(record: Record) -> dict:
    return {
        "partition": record.partition,
        "key": to_hex(record.key),
        "value": to_hex(record.value),
        "headers": [[name, to_hex(value)] for name, value in record.headers],
        "timestamp": record.timestamp,
    }


def decoded(one: dict) -> Stored:
    headers = tuple((name, from_hex(value)) for name, value in one["headers"])
    record = Record(from_hex(one["key"]), from_hex(one["value"]), headers, one["timestamp"])
    return Stored(one["partition"], one["offset"], record)


def to_hex(data: bytes | None) -> str | None:
    return None if data is None else data.hex()


def from_hex(data: str | None) -> bytes | None:
    return None if data is None else bytes.fromhex(data)


if __name__ == "__main__":
    given = workload.arguments()
    name, *command = given.program
    workload.run(Process(name, [*command, given.bootstrap]), given.data_dir)
