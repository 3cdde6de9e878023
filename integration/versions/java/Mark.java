package org.example.versions;

import java.util.Map;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.connect.components.Versioned;
import org.apache.kafka.connect.connector.ConnectRecord;
import org.apache.kafka.connect.transforms.Transformation;

/** A transform that changes nothing. */
public class Mark<R extends ConnectRecord<R>> implements Transformation<R>, Versioned {
    @Override public String version() { return Version.TEXT; }
    @Override public ConfigDef config() { return Version.config(); }
    @Override public void configure(Map<String, ?> config) { Version.check(config, "Mark"); }
    @Override public R apply(R record) { return record; }
    @Override public void close() { }
}
