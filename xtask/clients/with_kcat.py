"""kcat: the command-line tool that people reach for first. Debian's links an old librdkafka."""

import json
import subprocess

import segment
import workload
from workload import passed

TOPIC = "kcat.{}"
RECORDS = 100


class Kcat:
    def __init__(self, bootstrap: str, data_dir: str):
        self.bootstrap = bootstrap
        self.data_dir = data_dir

    def run(self, *arguments: str, input: str = "") -> str:
        command = ["kcat", "-q", "-b", self.bootstrap, *arguments]
        done = subprocess.run(
            command, input=input, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
        return done.stdout

    def consume(self, topic: str, *arguments: str) -> list[dict]:
        lines = self.run("-C", "-t", topic, "-e", "-J", *arguments).splitlines()
        return [json.loads(line) for line in lines]

    def produced_records_are_consumed(self, codec: str) -> None:
        topic = TOPIC.format(codec)
        lines = [f"key-{i}:value {i} " + "payload " * 20 for i in range(RECORDS)]
        self.run(
            "-P", "-t", topic, "-z", codec, "-K", ":", "-H", "name=header", "-X", "acks=all",
            input="\n".join(lines) + "\n",
        )  # fmt: skip
        self.run("-P", "-t", topic, "-z", codec, "-K", ":", "-Z", input="gone:\n")

        found = self.consume(topic, "-o", "beginning")
        assert [one["offset"] for one in found] == list(range(RECORDS + 1))
        assert [f"{one['key']}:{one['payload']}" for one in found[:-1]] == lines
        assert all(one["headers"] == ["name", "header"] for one in found[:-1])
        assert found[-1]["key"] == "gone" and found[-1]["payload"] is None
        stored = {batch.codec for batch in segment.batches(f"{self.data_dir}/{topic}-0")}
        assert codec in stored, f"sent with {codec}, stored are {stored}"
        passed(f"kcat produces with {codec} and reads it back")

    def reading_starts_where_it_is_told(self) -> None:
        topic = TOPIC.format("none")
        offsets = [one["offset"] for one in self.consume(topic, "-o", "40", "-c", "5")]
        assert offsets == [40, 41, 42, 43, 44], offsets
        offsets = [one["offset"] for one in self.consume(topic, "-o", "-3")]
        assert offsets == [RECORDS - 2, RECORDS - 1, RECORDS], offsets
        [at_fifty] = self.consume(topic, "-o", "50", "-c", "1")
        [found] = self.consume(topic, "-o", f"s@{at_fifty['ts']}", "-c", "1")
        assert found["ts"] == at_fifty["ts"] and found["offset"] <= 50, found
        passed("kcat reads from an offset, from the end, and from a time")

    def the_cluster_is_listed(self) -> None:
        listed = json.loads(self.run("-L", "-J"))
        topics = {topic["topic"] for topic in listed["topics"]}
        wanted = {TOPIC.format(codec) for codec in workload.CODECS}
        assert len(listed["brokers"]) == workload.REPLICATION_FACTOR and wanted <= topics, listed
        passed("kcat lists the brokers and the topics")


if __name__ == "__main__":
    given = workload.arguments()
    kcat = Kcat(given.bootstrap, given.data_dir)
    for one in workload.CODECS:
        kcat.produced_records_are_consumed(one)
    kcat.reading_starts_where_it_is_told()
    kcat.the_cluster_is_listed()
