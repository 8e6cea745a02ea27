"""kafka-python: a client in Python alone, with strict decoders."""

import time

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import KafkaError

import workload
from workload import Mode, Record, Refused, Stored


class KafkaPython:
    name = "kafka-python"
    null_headers = False

    def __init__(self, bootstrap: str):
        self.bootstrap = bootstrap
        self.admin = KafkaAdminClient(bootstrap_servers=bootstrap)

    def create_topic(self, topic: str, partitions: int, configs: dict[str, str]) -> None:
        wanted = {"num_partitions": partitions, "configs": configs}
        wanted["replication_factor"] = workload.REPLICATION_FACTOR
        answered(lambda: self.admin.create_topics({topic: wanted}))

    def delete_topic(self, topic: str) -> None:
        answered(lambda: self.admin.delete_topics([topic]))

    def grow_topic(self, topic: str, partitions: int) -> None:
        answered(lambda: self.admin.create_partitions({topic: partitions}))

    def topics(self) -> dict[str, int]:
        described = self.admin.describe_topics()
        return {topic["name"]: len(topic["partitions"]) for topic in described}

    def topic_config(self, topic: str, key: str) -> str:
        resource = ConfigResource(ConfigResourceType.TOPIC, topic)
        described = self.admin.describe_configs([resource], config_filter="all")
        return described["topic"][topic][key]["value"]

    def produce(self, topic: str, records: list[Record], codec: str, mode: Mode) -> None:
        producer = KafkaProducer(
            bootstrap_servers=self.bootstrap,
            acks=mode.acks,
            enable_idempotence=mode.idempotent,
            compression_type=None if codec == "none" else codec,
            linger_ms=20,
            max_request_size=workload.MAX_MESSAGE_BYTES,
        )
        sent = [
            producer.send(
                topic,
                value=record.value,
                key=record.key,
                headers=list(record.headers),
                partition=record.partition,
                timestamp_ms=record.timestamp,
            )
            for record in records
        ]
        for future in sent:
            answered(lambda: future.get(timeout=30))
        producer.close()

    def read(self, topic: str, starts: dict[int, int | None], count: int) -> list[Stored]:
        consumer = self.consumer(topic, *starts)
        for partition, at in starts.items():
            if at is None:
                consumer.seek_to_beginning(TopicPartition(topic, partition))
            else:
                consumer.seek(TopicPartition(topic, partition), at)
        found = self.poll(consumer, count)
        consumer.close()
        return found

    def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        consumer = self.consumer(topic, partition)
        at = TopicPartition(topic, partition)
        found = consumer.beginning_offsets([at])[at], consumer.end_offsets([at])[at]
        consumer.close()
        return found

    def offset_at(self, topic: str, partition: int, timestamp: int) -> int | None:
        consumer = self.consumer(topic, partition)
        at = TopicPartition(topic, partition)
        found = consumer.offsets_for_times({at: timestamp})[at]
        consumer.close()
        return None if found is None else found.offset

    def tail(self, topic: str, partition: int, record: Record) -> Stored:
        consumer = self.consumer(topic, partition)
        at = TopicPartition(topic, partition)
        consumer.seek_to_end(at)
        consumer.position(at)
        self.produce(topic, [record], "none", workload.ACKS_1)
        [found] = self.poll(consumer, 1)
        consumer.close()
        return found

    def consumer(self, topic: str, *partitions: int) -> KafkaConsumer:
        consumer = KafkaConsumer(bootstrap_servers=self.bootstrap, enable_auto_commit=False)
        consumer.assign([TopicPartition(topic, partition) for partition in partitions])
        return consumer

    def poll(self, consumer: KafkaConsumer, count: int) -> list[Stored]:
        found: list[Stored] = []
        deadline = time.monotonic() + 30
        while len(found) < count:
            assert time.monotonic() < deadline, f"{len(found)} of {count} records came in 30 s"
            for messages in consumer.poll(timeout_ms=200).values():
                found += [stored(message) for message in messages]
        return found

    def close(self) -> None:
        self.admin.close()


def answered(call):
    try:
        return call()
    except KafkaError as error:
        raise Refused(error.errno) from error


def stored(message) -> Stored:
    headers = tuple(message.headers or ())
    record = Record(message.key, message.value, headers, message.timestamp)
    return Stored(message.partition, message.offset, record)


if __name__ == "__main__":
    given = workload.arguments()
    workload.run(KafkaPython(given.bootstrap), given.data_dir)
