import java.util.ArrayList;
import java.util.List;
import org.apache.maven.artifact.versioning.ComparableVersion;
import org.apache.maven.artifact.versioning.DefaultArtifactVersion;
import org.apache.maven.artifact.versioning.VersionRange;

/** Prints how Maven orders the versions of the first line of its arguments, and what it makes of the ranges behind "--". */
public class Maven {
    public static void main(String[] args) {
        List<String> versions = new ArrayList<>(), ranges = new ArrayList<>();
        List<String> to = versions;
        for (String a : args) {
            if (a.equals("--")) {
                to = ranges;
            } else {
                to.add(a);
            }
        }
        for (String a : versions) {
            StringBuilder signs = new StringBuilder();
            for (String b : versions) {
                int c = new ComparableVersion(a).compareTo(new ComparableVersion(b));
                signs.append(c < 0 ? '<' : c > 0 ? '>' : '=');
            }
            System.out.println("version\t" + a + "\t" + signs);
        }
        for (String r : ranges) {
            System.out.println("range\t" + r + "\t" + read(r, versions));
        }
    }

    /** As Kafka Connect reads the version of a plugin: what is no range stands for itself alone. */
    static String read(String spec, List<String> versions) {
        try {
            VersionRange range = VersionRange.createFromVersionSpec(spec.trim());
            if (!range.hasRestrictions()) {
                range = VersionRange.createFromVersionSpec("[" + spec.trim() + "]");
            }
            StringBuilder in = new StringBuilder(range + "\t");
            for (String v : versions) {
                in.append(range.containsVersion(new DefaultArtifactVersion(v)) ? '+' : '-');
            }
            return in.toString();
        } catch (Exception e) {
            return e.getMessage() + "\t!";
        }
    }
}
