"""aiokafka: a client on asyncio, which still speaks the protocol's older versions."""

import asyncio
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError

import workload
from workload import Mode, Record, Refused, Stored


class AioKafka:
    name = "aiokafka"
    null_headers = True

    def __init__(self, bootstrap: str):
        self.bootstrap = bootstrap
        self.loop = asyncio.new_event_loop()
        self.admin = self.wait(self.administrator())

    async def administrator(self) -> AIOKafkaAdminClient:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await admin.start()
        return admin

    def create_topic(self, topic: str, partitions: int, configs: dict[str, str]) -> None:
        wanted = NewTopic(
            topic, partitions, workload.REPLICATION_FACTOR, topic_configs=configs
        )
        answer = self.wait(self.admin.create_topics([wanted]))
        refuse(answer.topic_errors[0][1])

    def delete_topic(self, topic: str) -> None:
        answer = self.wait(self.admin.delete_topics([topic]))
        refuse(answer.topic_error_codes[0][1])

    def grow_topic(self, topic: str, partitions: int) -> None:
        wanted = {topic: NewPartitions(partitions)}
        self.wait(self.admin.create_partitions(wanted))

    def topics(self) -> dict[str, int]:
        described = self.wait(self.admin.describe_topics())
        return {topic["topic"]: len(topic["partitions"]) for topic in described}

    def topic_config(self, topic: str, key: str) -> str:
        resource = ConfigResource(ConfigResourceType.TOPIC, topic)
        [answer] = self.wait(self.admin.describe_configs([resource]))
        [(code, _message, _kind, _name, entries)] = answer.resources
        refuse(code)
        return {entry[0]: entry[1] for entry in entries}[key]

    def produce(self, topic: str, records: list[Record], codec: str, mode: Mode) -> None:
        self.wait(self.send(topic, records, codec, mode))

    async def send(self, topic: str, records: list[Record], codec: str, mode: Mode) -> None:
        producer = AIOKafkaProducer(
            bootstrap_servers=self.bootstrap,
            acks="all" if mode.acks == -1 else mode.acks,
            enable_idempotence=mode.idempotent,
            compression_type=None if codec == "none" else codec,
            linger_ms=20,
            max_request_size=workload.MAX_MESSAGE_BYTES,
        )
        async with producer:
            sent = [
                await producer.send(
                    topic,
                    value=record.value,
                    key=record.key,
                    headers=list(record.headers),
                    partition=record.partition,
                    timestamp_ms=record.timestamp,
                )
                for record in records
            ]
            await asyncio.gather(*sent)
            if mode.acks == 0:
                # Nothing tells when such records left, and closing drops what did not.
                await asyncio.sleep(0.5)

    def read(self, topic: str, starts: dict[int, int | None], count: int) -> list[Stored]:
        async def reading() -> list[Stored]:
            async with self.consumer(topic, *starts) as consumer:
                for partition, at in starts.items():
                    if at is None:
                        await consumer.seek_to_beginning(TopicPartition(topic, partition))
                    else:
                        consumer.seek(TopicPartition(topic, partition), at)
                return [stored(await consumer.getone()) for _ in range(count)]

        return self.wait(reading())

    def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        at = TopicPartition(topic, partition)

        async def asking() -> tuple[int, int]:
            async with self.consumer(topic, partition) as consumer:
                first = (await consumer.beginning_offsets([at]))[at]
                return first, (await consumer.end_offsets([at]))[at]

        return self.wait(asking())

    def offset_at(self, topic: str, partition: int, timestamp: int) -> int | None:
        at = TopicPartition(topic, partition)

        async def asking() -> int | None:
            async with self.consumer(topic, partition) as consumer:
                found = (await consumer.offsets_for_times({at: timestamp}))[at]
                return None if found is None else found.offset

        return self.wait(asking())

    def tail(self, topic: str, partition: int, record: Record) -> Stored:
        at = TopicPartition(topic, partition)

        async def waiting() -> Stored:
            async with self.consumer(topic, partition) as consumer:
                await consumer.seek_to_end(at)
                await consumer.position(at)
                await self.send(topic, [record], "none", workload.ACKS_1)
                return stored(await consumer.getone())

        return self.wait(waiting())

    @asynccontextmanager
    async def consumer(self, topic: str, *partitions: int):
        # It looks for a first offset by itself, in the background, and may do so after it was told
        # where to begin.
        async with AIOKafkaConsumer(
            bootstrap_servers=self.bootstrap,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        ) as consumer:
            consumer.assign([TopicPartition(topic, partition) for partition in partitions])
            yield consumer

    def wait(self, work):
        try:
            return self.loop.run_until_complete(asyncio.wait_for(work, 60))
        except KafkaError as error:
            raise Refused(error.errno) from error

    def close(self) -> None:
        self.wait(self.admin.close())


def refuse(code: int) -> None:
    if code != 0:
        raise Refused(code)


def stored(message) -> Stored:
    headers = tuple(message.headers)
    record = Record(message.key, message.value, headers, message.timestamp)
    return Stored(message.partition, message.offset, record)


if __name__ == "__main__":
    given = workload.arguments()
    workload.run(AioKafka(given.bootstrap), given.data_dir)
