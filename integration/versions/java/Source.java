package org.example.versions;

import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.connect.connector.Task;
import org.apache.kafka.connect.source.SourceConnector;
import org.apache.kafka.connect.source.SourceRecord;
import org.apache.kafka.connect.source.SourceTask;

/** A source without records. */
public class Source extends SourceConnector {
    @Override public String version() { return Version.TEXT; }
    @Override public void start(Map<String, String> config) { }
    @Override public void stop() { }
    @Override public ConfigDef config() { return Version.config(); }
    @Override public Class<? extends Task> taskClass() { return Reader.class; }
    @Override public List<Map<String, String>> taskConfigs(int most) { return Collections.singletonList(Collections.emptyMap()); }

    public static class Reader extends SourceTask {
        @Override public String version() { return Version.TEXT; }
        @Override public void start(Map<String, String> config) { Version.check(config, "Source"); }
        @Override public void stop() { }
        @Override public List<SourceRecord> poll() throws InterruptedException {
            Thread.sleep(100);
            return null;
        }
    }
}
