package registry

import (
	"bufio"
	"flag"
	"os"
	"os/exec"
	"strings"
	"testing"
)

var mavenJars = flag.String("record-maven", "", "write testdata/maven.txt anew, with the maven-artifact jar of this class path")

const mavenFile = "testdata/maven.txt"

// mavenVersions are built of all kinds of parts in all orders; mavenRanges are good and bad ones.
func mavenVersions() []string {
	out := []string{"", "0", "00", "1", "1.0", "1.0.0", "01", "1.", "1..1", "1.-", ".1", "-1", "-", ".", "a", "1a", "2,3", "1_0", "1+1", "1.0_2", "v1", "x.1",
		"1.0-rc-1", "1.0-rc1-2", "1-0-1", "99999999999999999999", "100000000000000000000.1", "1.0.0-20230101.120000-1", "3.6.1.Final", "3.6.1.Alpha2", "4.3.1-ccs", "0.0", "1.0.x"}
	parts := []string{"0", "1", "10", "alpha", "a1", "b2", "m3", "rc1", "cr", "SNAPSHOT", "final", "GA", "sp", "foo", "foo1"}
	for i, a := range parts {
		for _, sep := range []string{".", "-", ""} {
			out = append(out, "1"+sep+a, "1.0"+sep+a, "1"+sep+a+".1", "1"+sep+a+"-"+parts[(i+4)%len(parts)])
		}
	}
	return out
}

var mavenRanges = []string{
	"", " ", "1", " 1.0 ", "1.0,2.0", "latest", "[1]", "[1,2)", "[1,2]", "(1,2)", "(,2]", "[1,)", "(,)", "[,]", "[1],[2]", "[1,2],[3,4)", "[1,3],[2,4]", "[2],[1]", "(,1],[,2]",
	"[1,),[2,)", "[1", "1]", "(1)", "[]", "()", "[2,1]", "[1,1)", "(1,1)", "[1,1]", "[1,2,3]", "[1] [2]", "[1]x", "x[1]", "]", "[", "[1],", ",[1]", "[ 1 , 2 ]", "[1,2", "[a,b]", "[1-alpha,1)", "[1,2-!)",
}

// Versions compare, and ranges hold them, as in Maven.
func TestVersionsAsMaven(t *testing.T) {
	if *mavenJars != "" {
		recordMaven(t)
	}
	file, err := os.Open(mavenFile)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	versions, compared := mavenVersions(), 0
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		f := strings.Split(lines.Text(), "\t")
		switch {
		case f[0] == "version" && len(f) == 3 && len(f[2]) == len(versions):
			for i, b := range versions {
				compared++
				if got := "<=>"[CompareVersions(f[1], b)+1]; got != f[2][i] {
					t.Errorf("%q %c %q, with Maven %c", f[1], got, b, f[2][i])
				}
			}
		case f[0] == "range" && len(f) == 4:
			compared++
			if got := rangeLine(f[1], versions); got != f[2]+"\t"+f[3] {
				t.Errorf("%q is\n%s, with Maven\n%s", f[1], got, f[2]+"\t"+f[3])
			}
		default:
			t.Fatalf("%s is of other versions: record it anew", mavenFile)
		}
	}
	if err := lines.Err(); err != nil || compared < 30000 {
		t.Errorf("%d comparisons, %v", compared, err)
	}
}

// rangeLine is a range in the form of the file.
func rangeLine(spec string, versions []string) string {
	if spec == Latest {
		spec = " " + spec // which is no word of Maven's
	}
	r, err := ParseRange(spec)
	if err != nil {
		return err.Error() + "\t!"
	}
	var in strings.Builder
	for _, v := range versions {
		in.WriteByte(map[bool]byte{true: '+', false: '-'}[r.Contains(v)])
	}
	return r.String() + "\t" + in.String()
}

func recordMaven(t *testing.T) {
	t.Helper()
	args := append([]string{"-cp", *mavenJars, "recorder/Maven.java"}, mavenVersions()...)
	args = append(append(args, "--"), mavenRanges...)
	out, err := exec.CommandContext(t.Context(), "java", args...).Output()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(mavenFile, out, 0o644); err != nil {
		t.Fatal(err)
	}
}
