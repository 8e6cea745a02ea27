"""confluent-kafka: librdkafka under Python."""

import time

from confluent_kafka import (
    OFFSET_BEGINNING,
    OFFSET_END,
    Consumer,
    KafkaError,
    KafkaException,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, ConfigResource, NewPartitions, NewTopic

import workload
from workload import Mode, Record, Refused, Stored


class Confluent:
    name = "confluent"
    null_headers = True

    def __init__(self, bootstrap: str):
        self.common = {"bootstrap.servers": bootstrap}
        self.admin = AdminClient(self.common)

    def create_topic(self, topic: str, partitions: int, configs: dict[str, str]) -> None:
        wanted = NewTopic(topic, partitions, workload.REPLICATION_FACTOR, config=configs)
        result(self.admin.create_topics([wanted])[topic])

    def delete_topic(self, topic: str) -> None:
        result(self.admin.delete_topics([topic])[topic])

    def grow_topic(self, topic: str, partitions: int) -> None:
        wanted = NewPartitions(topic, partitions)
        result(self.admin.create_partitions([wanted])[topic])

    def topics(self) -> dict[str, int]:
        listed = self.admin.list_topics(timeout=10).topics
        return {name: len(topic.partitions) for name, topic in listed.items()}

    def topic_config(self, topic: str, key: str) -> str:
        resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
        return result(self.admin.describe_configs([resource])[resource])[key].value

    def produce(self, topic: str, records: list[Record], codec: str, mode: Mode) -> None:
        settings = {
            "acks": mode.acks,
            "enable.idempotence": mode.idempotent,
            "compression.type": codec,
            "linger.ms": 20,
            "message.max.bytes": workload.MAX_MESSAGE_BYTES,
            "partitioner": "murmur2_random",
        }
        producer = Producer(self.common | settings)
        failures: list[KafkaError] = []

        def delivered(error, _message) -> None:
            if error is not None:
                failures.append(error)

        for record in records:
            where = {} if record.partition is None else {"partition": record.partition}
            producer.produce(
                topic,
                value=record.value,
                key=record.key,
                headers=list(record.headers),
                timestamp=record.timestamp,
                on_delivery=delivered,
                **where,
            )
        assert producer.flush(30) == 0, "not everything was sent within 30 s"
        if failures:
            raise Refused(failures[0].code())

    def read(self, topic: str, starts: dict[int, int | None], count: int) -> list[Stored]:
        consumer = self.consumer()
        consumer.assign(
            [
                TopicPartition(topic, partition, OFFSET_BEGINNING if at is None else at)
                for partition, at in starts.items()
            ]
        )
        found = []
        deadline = time.monotonic() + 30
        while len(found) < count:
            assert time.monotonic() < deadline, f"{len(found)} of {count} records came in 30 s"
            found += [stored(message) for message in consumer.consume(500, timeout=0.2)]
        consumer.close()
        return found

    def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        consumer = self.consumer()
        found = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=10)
        consumer.close()
        return found

    def offset_at(self, topic: str, partition: int, timestamp: int) -> int | None:
        consumer = self.consumer()
        wanted = TopicPartition(topic, partition, timestamp)
        [found] = consumer.offsets_for_times([wanted], timeout=10)
        consumer.close()
        return None if found.offset == OFFSET_END else found.offset

    def tail(self, topic: str, partition: int, record: Record) -> Stored:
        consumer = self.consumer({"enable.partition.eof": True})
        consumer.assign([TopicPartition(topic, partition, OFFSET_END)])
        message = consumer.poll(10)
        assert message is not None and message.error().code() == KafkaError._PARTITION_EOF
        self.produce(topic, [record], "none", workload.ACKS_1)
        message = consumer.poll(10)
        assert message is not None, "the record did not come within 10 s"
        found = stored(message)
        consumer.close()
        return found

    def consumer(self, settings: dict | None = None) -> Consumer:
        # librdkafka wants a group's name even where no group takes part.
        alone = {"group.id": "unused", "enable.auto.commit": False}
        return Consumer(self.common | alone | (settings or {}))

    def close(self) -> None:
        pass


def result(future):
    try:
        return future.result(timeout=30)
    except KafkaException as error:
        raise Refused(error.args[0].code()) from error


def stored(message) -> Stored:
    assert message.error() is None, message.error()
    _kind, timestamp = message.timestamp()
    headers = tuple(message.headers() or ())
    record = Record(message.key(), message.value(), headers, timestamp)
    return Stored(message.partition(), message.offset(), record)


if __name__ == "__main__":
    given = workload.arguments()
    workload.run(Confluent(given.bootstrap), given.data_dir)
