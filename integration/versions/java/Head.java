package org.example.versions;

import java.util.Map;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.connect.components.Versioned;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaAndValue;
import org.apache.kafka.connect.storage.HeaderConverter;

/** A converter of headers. */
public class Head implements HeaderConverter, Versioned {
    @Override public String version() { return Version.TEXT; }
    @Override public ConfigDef config() { return Version.config(); }
    @Override public void configure(Map<String, ?> config) { Version.check(config, "Head"); }
    @Override public SchemaAndValue toConnectHeader(String topic, String name, byte[] value) { return SchemaAndValue.NULL; }
    @Override public byte[] fromConnectHeader(String topic, String name, Schema schema, Object value) { return null; }
    @Override public void close() { }
}
