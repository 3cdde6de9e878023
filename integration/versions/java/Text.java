package org.example.versions;

import java.nio.charset.StandardCharsets;
import java.util.Map;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.connect.components.Versioned;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaAndValue;
import org.apache.kafka.connect.storage.Converter;

/** A converter of texts. */
public class Text implements Converter, Versioned {
    @Override public String version() { return Version.TEXT; }
    @Override public ConfigDef config() { return Version.config(); }
    @Override public void configure(Map<String, ?> config, boolean isKey) { Version.check(config, "Text"); }
    @Override public byte[] fromConnectData(String topic, Schema schema, Object value) {
        return value == null ? null : value.toString().getBytes(StandardCharsets.UTF_8);
    }
    @Override public SchemaAndValue toConnectData(String topic, byte[] value) { return SchemaAndValue.NULL; }
}
