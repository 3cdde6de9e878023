import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.connect.data.SchemaAndValue;
import org.apache.kafka.connect.json.JsonConverter;
import org.apache.kafka.connect.storage.Converter;
import org.apache.kafka.connect.storage.HeaderConverter;

/**
 * Records what converters of Java make of Connect data. Each line of the input is a case, and comes back with what
 * came of it:
 *
 *   class    the converter's Java class
 *   config   its properties
 *   key      true for a key converter
 *   header   true: as a header converter
 *   topic    the topic
 *   in       Connect data as JsonConverter writes it with schemas
 *   bytes    instead of in: serialised data, in hexadecimal digits
 *   headers  names to Connect data like in, the record's headers, written with JsonConverter
 *   schema   a schema that the registry has as number 1, with bytes being a payload, or datum its JSON form (Avro)
 *
 * The answers: out (hexadecimal digits, null for Kafka's null), registered (subject, type and text of each schema),
 * back (what the converter reads from out or bytes, as JsonConverter writes it), error and backError (class and
 * message of the exception and of its causes).
 */
public class Recorder {
    static final ObjectMapper JSON = new ObjectMapper();

    public static void main(String[] args) throws Exception {
        PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        System.setOut(System.err);
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line; (line = lines.readLine()) != null; ) {
            if (line.isBlank()) {
                continue;
            }
            ObjectNode c = (ObjectNode) JSON.readTree(line);
            for (String answer : List.of("out", "registered", "back", "error", "backError")) {
                c.remove(answer);
            }
            play(c);
            out.println(JSON.writeValueAsString(c));
        }
    }

    static void play(ObjectNode c) {
        Object registry = null;
        Object converter;
        boolean key = c.path("key").asBoolean();
        Map<String, String> config = new HashMap<>();
        Iterator<Map.Entry<String, JsonNode>> props = c.path("config").fields();
        while (props.hasNext()) {
            Map.Entry<String, JsonNode> p = props.next();
            config.put(p.getKey(), p.getValue().asText());
        }
        try {
            Class<?> type = Class.forName(c.get("class").asText());
            boolean within = config.containsKey("avro.schema.registry.url"); // CloudEvents with Avro
            if (within || c.get("class").asText().startsWith("io.confluent")) {
                registry = Class.forName("io.confluent.kafka.schemaregistry.client.MockSchemaRegistryClient")
                    .getConstructor(List.class).newInstance(List.of(
                        Class.forName("io.confluent.kafka.schemaregistry.avro.AvroSchemaProvider").getConstructor().newInstance(),
                        Class.forName("io.confluent.kafka.schemaregistry.protobuf.ProtobufSchemaProvider").getConstructor().newInstance(),
                        Class.forName("io.confluent.kafka.schemaregistry.json.JsonSchemaProvider").getConstructor().newInstance()));
                Class<?> client = Class.forName("io.confluent.kafka.schemaregistry.client.SchemaRegistryClient");
                if (within) {
                    Converter avro = (Converter) Class.forName("io.confluent.connect.avro.AvroConverter").getConstructor(client).newInstance(registry);
                    Map<String, String> own = new HashMap<>();
                    config.forEach((k, v) -> {
                        if (k.startsWith("avro.")) {
                            own.put(k.substring("avro.".length()), v);
                        }
                    });
                    avro.configure(own, false);
                    converter = type.getConstructor(Converter.class).newInstance(avro);
                } else {
                    converter = type.getConstructor(client).newInstance(registry);
                }
                config.put("schema.registry.url", "mock://x");
            } else {
                converter = type.getConstructor().newInstance();
            }
            if (c.path("header").asBoolean()) {
                config.put("converter.type", "header");
                ((HeaderConverter) converter).configure(config);
            } else {
                ((Converter) converter).configure(config, key);
            }
        } catch (Throwable e) {
            c.put("error", text(e));
            return;
        }
        String topic = c.path("topic").asText("t");
        byte[] bytes = null;
        Headers headers = new RecordHeaders();
        try {
            if (c.has("headers")) {
                JsonConverter h = new JsonConverter();
                h.configure(Map.of("converter.type", "header"));
                Iterator<Map.Entry<String, JsonNode>> it = c.get("headers").fields();
                while (it.hasNext()) {
                    Map.Entry<String, JsonNode> e = it.next();
                    headers.add(e.getKey(), e.getValue().asText().getBytes(StandardCharsets.UTF_8));
                }
            }
            if (c.has("schema")) {
                bytes = payload(c, registry, topic, key);
            } else if (c.has("bytes")) {
                bytes = c.get("bytes").isNull() ? null : HexFormat.of().parseHex(c.get("bytes").asText());
            } else {
                SchemaAndValue in = json().toConnectData(topic, c.get("in").asText().getBytes(StandardCharsets.UTF_8));
                bytes = c.path("header").asBoolean()
                    ? ((HeaderConverter) converter).fromConnectHeader(topic, "h", in.schema(), in.value())
                    : ((Converter) converter).fromConnectData(topic, headers, in.schema(), in.value());
                if (bytes == null) {
                    c.putNull("out");
                } else {
                    c.put("out", HexFormat.of().formatHex(bytes));
                }
            }
        } catch (Throwable e) {
            c.put("error", text(e));
            return;
        } finally {
            if (registry != null && !c.has("schema")) {
                registered(c, registry);
            }
        }
        try {
            SchemaAndValue back = c.path("header").asBoolean()
                ? ((HeaderConverter) converter).toConnectHeader(topic, "h", bytes)
                : ((Converter) converter).toConnectData(topic, headers, bytes);
            byte[] b = json().fromConnectData(topic, back.schema(), back.value());
            if (b == null) {
                c.putNull("back");
            } else {
                c.put("back", new String(b, StandardCharsets.UTF_8));
            }
        } catch (Throwable e) {
            c.put("backError", text(e));
        }
    }

    static JsonConverter json() {
        JsonConverter j = new JsonConverter();
        j.configure(Map.of("schemas.enable", "true", "replace.null.with.default", "false"), false);
        return j;
    }

    /** Registers the case's schema and puts its id before the payload. */
    static byte[] payload(ObjectNode c, Object registry, String topic, boolean key) throws Exception {
        String type = c.get("class").asText().contains("Avro") ? "AVRO"
            : c.get("class").asText().contains("Protobuf") ? "PROTOBUF" : "JSON";
        Object parsed = ((java.util.Optional<?>) registry.getClass()
            .getMethod("parseSchema", String.class, String.class, List.class)
            .invoke(registry, type, c.get("schema").asText(), List.of())).orElseThrow();
        Class<?> parsedType = Class.forName("io.confluent.kafka.schemaregistry.ParsedSchema");
        int id = (Integer) registry.getClass().getMethod("register", String.class, parsedType)
            .invoke(registry, topic + (key ? "-key" : "-value"), parsed);
        byte[] payload = c.has("datum") ? avro(c) : HexFormat.of().parseHex(c.get("bytes").asText());
        byte[] all = new byte[5 + payload.length];
        all[4] = (byte) id;
        System.arraycopy(payload, 0, all, 5, payload.length);
        c.put("out", HexFormat.of().formatHex(all));
        return all;
    }

    /** The datum of a case in Avro's binary form. */
    static byte[] avro(ObjectNode c) throws Exception {
        Class<?> parser = Class.forName("org.apache.avro.Schema$Parser");
        Object schema = parser.getMethod("parse", String.class).invoke(parser.getConstructor().newInstance(), c.get("schema").asText());
        Class<?> schemaType = Class.forName("org.apache.avro.Schema");
        Class<?> reader = Class.forName("org.apache.avro.generic.GenericDatumReader");
        Class<?> decoders = Class.forName("org.apache.avro.io.DecoderFactory");
        Object decoder = decoders.getMethod("jsonDecoder", schemaType, String.class)
            .invoke(decoders.getMethod("get").invoke(null), schema, c.get("datum").asText());
        Object datum = reader.getMethod("read", Object.class, Class.forName("org.apache.avro.io.Decoder"))
            .invoke(reader.getConstructor(schemaType).newInstance(schema), null, decoder);
        java.io.ByteArrayOutputStream out = new java.io.ByteArrayOutputStream();
        Class<?> encoders = Class.forName("org.apache.avro.io.EncoderFactory");
        Object encoder = encoders.getMethod("directBinaryEncoder", java.io.OutputStream.class, Class.forName("org.apache.avro.io.BinaryEncoder"))
            .invoke(encoders.getMethod("get").invoke(null), out, null);
        Class<?> writer = Class.forName("org.apache.avro.generic.GenericDatumWriter");
        writer.getMethod("write", Object.class, Class.forName("org.apache.avro.io.Encoder"))
            .invoke(writer.getConstructor(schemaType).newInstance(schema), datum, encoder);
        return out.toByteArray();
    }

    static void registered(ObjectNode c, Object registry) {
        ArrayNode list = c.putArray("registered");
        try {
            java.util.TreeSet<String> subjects = new java.util.TreeSet<>();
            for (Object s : (Iterable<?>) registry.getClass().getMethod("getAllSubjects").invoke(registry)) {
                subjects.add((String) s);
            }
            for (String subject : subjects) {
                Object meta;
                try {
                    meta = registry.getClass().getMethod("getLatestSchemaMetadata", String.class).invoke(registry, subject);
                } catch (java.lang.reflect.InvocationTargetException e) {
                    continue; // asked for, but never registered
                }
                ObjectNode s = list.addObject();
                s.put("subject", subject);
                s.put("schemaType", (String) meta.getClass().getMethod("getSchemaType").invoke(meta));
                s.put("schema", (String) meta.getClass().getMethod("getSchema").invoke(meta));
                List<?> refs = (List<?>) meta.getClass().getMethod("getReferences").invoke(meta);
                if (refs != null && !refs.isEmpty()) {
                    s.put("references", JSON.writeValueAsString(refs));
                }
            }
        } catch (Exception e) {
            throw new IllegalStateException(e); // the mock registry always knows its subjects
        }
    }

    static String text(Throwable e) {
        StringBuilder s = new StringBuilder();
        for (Throwable t = e; t != null; t = t.getCause()) {
            if (t instanceof java.lang.reflect.InvocationTargetException && t.getCause() != null) {
                continue;
            }
            s.append(s.length() == 0 ? "" : " | ").append(t.getClass().getName()).append(": ").append(t.getMessage());
        }
        return s.toString();
    }
}
