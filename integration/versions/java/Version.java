package org.example.versions;

import java.util.Map;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.connect.errors.ConnectException;

/** What the plugins of one jar share. */
final class Version {
    static final String TEXT = "@VERSION@";

    private Version() { }

    static ConfigDef config() {
        return new ConfigDef()
            .define("fail", ConfigDef.Type.BOOLEAN, false, ConfigDef.Importance.LOW, "Whether to fail with the version.")
            .define("of." + TEXT, ConfigDef.Type.STRING, "", ConfigDef.Importance.LOW, "A property that version " + TEXT + " has.");
    }

    /** Fails if it is told to, and so tells which version is at work. */
    static void check(Map<String, ?> config, String plugin) {
        if ("true".equals(config.get("fail"))) {
            throw new ConnectException(plugin + " " + TEXT + " was told to fail");
        }
    }
}
