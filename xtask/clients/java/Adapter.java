// Java's own clients under the checks of `workload.py`: one JSON line in, one JSON line out,
// as `with_process.py` describes them. Run by the JDK's source launcher.

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.ApiException;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

public class Adapter {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final HexFormat HEX = HexFormat.of();
    private static final int MAX_REQUEST_BYTES = 2 << 20;

    private final String bootstrap;
    private final Admin admin;

    private Adapter(String bootstrap) {
        this.bootstrap = bootstrap;
        this.admin = Admin.create(Map.of("bootstrap.servers", bootstrap));
    }

    public static void main(String[] arguments) throws Exception {
        Adapter adapter = new Adapter(arguments[0]);
        PrintStream out = System.out;
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            out.println(adapter.answer(JSON.readTree(line)));
            out.flush();
        }
        adapter.admin.close();
    }

    private ObjectNode answer(JsonNode request) {
        ObjectNode answer = JSON.createObjectNode();
        try {
            answer.set("ok", JSON.valueToTree(perform(request)));
        } catch (Exception error) {
            Throwable cause = error instanceof ExecutionException ? error.getCause() : error;
            if (cause instanceof ApiException && Errors.forException(cause).code() > 0) {
                answer.put("refused", Errors.forException(cause).code());
            } else {
                answer.put("error", cause.toString());
            }
        }
        return answer;
    }

    private Object perform(JsonNode request) throws Exception {
        String topic = request.path("topic").asText();
        int partition = request.path("partition").asInt();
        switch (request.get("op").asText()) {
            case "create_topic":
                short replicas = (short) request.get("replication_factor").asInt();
                NewTopic wanted = new NewTopic(topic, request.get("partitions").asInt(), replicas);
                Map<String, String> configs = new HashMap<>();
                request.get("configs").properties()
                        .forEach(entry -> configs.put(entry.getKey(), entry.getValue().asText()));
                return admin.createTopics(List.of(wanted.configs(configs))).all().get();
            case "delete_topic":
                return admin.deleteTopics(List.of(topic)).all().get();
            case "grow_topic":
                NewPartitions total = NewPartitions.increaseTo(request.get("partitions").asInt());
                return admin.createPartitions(Map.of(topic, total)).all().get();
            case "topics":
                return topics();
            case "topic_config":
                ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
                Config config = admin.describeConfigs(List.of(resource)).all().get().get(resource);
                return config.get(request.get("key").asText()).value();
            case "produce":
                produce(topic, request.get("records"), request.get("codec").asText(),
                        request.get("acks").asText(), request.get("idempotent").asBoolean());
                return null;
            case "read":
                return read(topic, request.get("starts"), request.get("count").asInt());
            case "bounds":
                return bounds(new TopicPartition(topic, partition));
            case "offset_at":
                return offsetAt(new TopicPartition(topic, partition), request.get("timestamp").asLong());
            case "tail":
                return tail(new TopicPartition(topic, partition), request.get("record"));
            default:
                throw new IllegalArgumentException("unknown op in " + request);
        }
    }

    private Map<String, Integer> topics() throws Exception {
        Map<String, Integer> found = new HashMap<>();
        for (String name : admin.listTopics().names().get()) {
            try {
                TopicDescription topic =
                        admin.describeTopics(List.of(name)).allTopicNames().get().get(name);
                found.put(name, topic.partitions().size());
            } catch (ExecutionException error) {
                // Deleted between the two calls: it is not among the topics.
            }
        }
        return found;
    }

    private void produce(
            String topic, JsonNode records, String codec, String acks, boolean idempotent)
            throws Exception {
        Map<String, Object> settings = new HashMap<>();
        settings.put("bootstrap.servers", bootstrap);
        settings.put("acks", acks);
        settings.put("enable.idempotence", idempotent);
        settings.put("compression.type", codec);
        settings.put("linger.ms", 20);
        settings.put("max.request.size", MAX_REQUEST_BYTES);
        ByteArraySerializer bytes = new ByteArraySerializer();
        try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(settings, bytes, bytes)) {
            List<Future<?>> sent = new ArrayList<>();
            for (JsonNode one : records) {
                sent.add(producer.send(record(topic, one)));
            }
            for (Future<?> future : sent) {
                future.get();
            }
        }
    }

    private static ProducerRecord<byte[], byte[]> record(String topic, JsonNode one) {
        JsonNode partition = one.get("partition");
        ProducerRecord<byte[], byte[]> record = new ProducerRecord<>(
                topic, partition.isNull() ? null : partition.asInt(), one.get("timestamp").asLong(),
                bytes(one.get("key")), bytes(one.get("value")));
        for (JsonNode header : one.get("headers")) {
            record.headers().add(header.get(0).asText(), bytes(header.get(1)));
        }
        return record;
    }

    private ArrayNode read(String topic, JsonNode starts, int count) {
        try (KafkaConsumer<byte[], byte[]> consumer = consumer()) {
            List<TopicPartition> assigned = new ArrayList<>();
            starts.forEach(start -> assigned.add(new TopicPartition(topic, start.get(0).asInt())));
            consumer.assign(assigned);
            for (JsonNode start : starts) {
                TopicPartition at = new TopicPartition(topic, start.get(0).asInt());
                if (start.get(1).isNull()) {
                    consumer.seekToBeginning(List.of(at));
                } else {
                    consumer.seek(at, start.get(1).asLong());
                }
            }
            return poll(consumer, count);
        }
    }

    private List<Long> bounds(TopicPartition at) {
        try (KafkaConsumer<byte[], byte[]> consumer = consumer()) {
            long first = consumer.beginningOffsets(List.of(at)).get(at);
            return List.of(first, consumer.endOffsets(List.of(at)).get(at));
        }
    }

    private Long offsetAt(TopicPartition at, long timestamp) {
        try (KafkaConsumer<byte[], byte[]> consumer = consumer()) {
            OffsetAndTimestamp found = consumer.offsetsForTimes(Map.of(at, timestamp)).get(at);
            return found == null ? null : Long.valueOf(found.offset());
        }
    }

    private JsonNode tail(TopicPartition at, JsonNode record) throws Exception {
        try (KafkaConsumer<byte[], byte[]> consumer = consumer()) {
            consumer.assign(List.of(at));
            consumer.seekToEnd(List.of(at));
            consumer.position(at);
            produce(at.topic(), JSON.createArrayNode().add(record), "none", "1", false);
            return poll(consumer, 1).get(0);
        }
    }

    private KafkaConsumer<byte[], byte[]> consumer() {
        Map<String, Object> settings = new HashMap<>();
        settings.put("bootstrap.servers", bootstrap);
        settings.put("enable.auto.commit", false);
        ByteArrayDeserializer bytes = new ByteArrayDeserializer();
        return new KafkaConsumer<>(settings, bytes, bytes);
    }

    private static ArrayNode poll(KafkaConsumer<byte[], byte[]> consumer, int count) {
        ArrayNode found = JSON.createArrayNode();
        long deadline = System.nanoTime() + Duration.ofSeconds(30).toNanos();
        while (found.size() < count) {
            if (System.nanoTime() > deadline) {
                throw new IllegalStateException(found.size() + " of " + count + " records came in 30 s");
            }
            for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(200))) {
                found.add(stored(record));
            }
        }
        return found;
    }

    private static ObjectNode stored(ConsumerRecord<byte[], byte[]> record) {
        ObjectNode one = JSON.createObjectNode();
        one.put("partition", record.partition());
        one.put("offset", record.offset());
        one.put("key", hex(record.key()));
        one.put("value", hex(record.value()));
        one.put("timestamp", record.timestamp());
        ArrayNode headers = one.putArray("headers");
        for (Header header : record.headers()) {
            headers.addArray().add(header.key()).add(hex(header.value()));
        }
        return one;
    }

    private static byte[] bytes(JsonNode hex) {
        return hex.isNull() ? null : HEX.parseHex(hex.asText());
    }

    private static String hex(byte[] bytes) {
        return bytes == null ? null : HEX.formatHex(bytes);
    }
}
