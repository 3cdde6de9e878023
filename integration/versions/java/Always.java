package org.example.versions;

import java.util.Map;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.connect.components.Versioned;
import org.apache.kafka.connect.connector.ConnectRecord;
import org.apache.kafka.connect.transforms.predicates.Predicate;

/** A predicate that is always true. */
public class Always<R extends ConnectRecord<R>> implements Predicate<R>, Versioned {
    @Override public String version() { return Version.TEXT; }
    @Override public ConfigDef config() { return Version.config(); }
    @Override public void configure(Map<String, ?> config) { Version.check(config, "Always"); }
    @Override public boolean test(R record) { return true; }
    @Override public void close() { }
}
