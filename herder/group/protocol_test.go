package group

import (
	"bytes"
	"encoding/hex"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/storage/state"
)

// java.txt holds what ConnectProtocol and IncrementalCooperativeConnectProtocol
// of Kafka 4.3.1 wrote for the values below.
func javaBytes(t *testing.T) map[string][]byte {
	t.Helper()
	text, err := os.ReadFile("testdata/java.txt")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]byte{}
	for line := range strings.Lines(string(text)) {
		name, digits, _ := strings.Cut(strings.TrimSpace(line), " ")
		b, err := hex.DecodeString(digits)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		out[name] = b
	}
	return out
}

func task(c string, n int) state.TaskID { return state.TaskID{Connector: c, Task: n} }

func held(p Protocol) Assignment {
	return Assignment{
		Protocol: p, Leader: "connect-1-5f3c", LeaderURL: "http://worker1:8083/", Offset: 49,
		Assigned: Work{Connectors: []string{"orders"}, Tasks: []state.TaskID{task("orders", 0), task("orders", 1), task("users", 3)}},
	}
}

func TestMetadataAsJava(t *testing.T) {
	const url = "http://worker2:8083/"
	sessioned, compatible := held(Sessioned), held(Compatible)
	want := javaBytes(t)
	for name, m := range map[string]Metadata{
		"metadata-eager":           {Protocol: Eager, URL: url, Offset: 17},
		"metadata-compatible-none": {Protocol: Compatible, URL: url, Offset: 17},
		"metadata-sessioned-none":  {Protocol: Sessioned, URL: url, Offset: -1},
		"metadata-sessioned-held":  {Protocol: Sessioned, URL: url, Offset: 49, Current: &sessioned},
		"metadata-compatible-held": {Protocol: Compatible, URL: url, Offset: 49, Current: &compatible},
	} {
		if got := AppendMetadata(nil, m); !bytes.Equal(got, want[name]) {
			t.Errorf("%s: wrote\n%x, Java\n%x", name, got, want[name])
		}
		got, err := DecodeMetadata(want[name])
		if err != nil || !reflect.DeepEqual(got, m) {
			t.Errorf("%s: read %+v, %v; want %+v", name, got, err, m)
		}
	}
}

func TestAssignmentAsJava(t *testing.T) {
	mismatch := func(p Protocol) Assignment {
		a := held(p)
		a.Error, a.Assigned = ConfigMismatch, Work{}
		return a
	}
	revoked := held(Sessioned)
	revoked.Assigned = Work{}
	revoked.Revoked = Work{Connectors: []string{"orders"}, Tasks: []state.TaskID{task("orders", 0), task("users", 3)}}
	revoked.Delay = 5 * time.Minute
	want := javaBytes(t)
	for name, a := range map[string]Assignment{
		"assignment-eager":               held(Eager),
		"assignment-eager-mismatch":      mismatch(Eager),
		"assignment-sessioned":           held(Sessioned),
		"assignment-sessioned-revoked":   revoked,
		"assignment-compatible-mismatch": mismatch(Compatible),
	} {
		if got := AppendAssignment(nil, a); !bytes.Equal(got, want[name]) {
			t.Errorf("%s: wrote\n%x, Java\n%x", name, got, want[name])
		}
		got, err := DecodeAssignment(want[name])
		if err != nil || !reflect.DeepEqual(got, a) {
			t.Errorf("%s: read %+v, %v; want %+v", name, got, err, a)
		}
	}
}

func TestTruncatedMessagesAreErrorsOrShorter(t *testing.T) {
	for name, b := range javaBytes(t) {
		for n := range b {
			if strings.HasPrefix(name, "metadata") {
				m, err := DecodeMetadata(b[:n])
				if err == nil && m.Current != nil {
					t.Errorf("%s cut at %d: no error", name, n)
				}
			} else if a, err := DecodeAssignment(b[:n]); err == nil && a.LeaderURL == "" {
				t.Errorf("%s cut at %d: no error", name, n)
			}
		}
	}
}

func TestOfferedProtocols(t *testing.T) {
	for p, want := range map[Protocol]string{Eager: "default", Compatible: "compatible default", Sessioned: "sessioned compatible default"} {
		var names []string
		for _, o := range p.offered() {
			names = append(names, o.name())
			if back, err := protocolNamed(o.name()); err != nil || back != o {
				t.Errorf("%s is read as %v, %v", o.name(), back, err)
			}
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%v offers %s, want %s", p, got, want)
		}
		if back, err := ParseProtocol(strings.ToUpper(p.String())); err != nil || back != p {
			t.Errorf("%v is read as %v, %v", p, back, err)
		}
	}
	if _, err := ParseProtocol("lazy"); err == nil {
		t.Error("connect.protocol=lazy is accepted")
	}
	if _, err := protocolNamed("range"); err == nil {
		t.Error("the protocol of consumers is accepted")
	}
}

func FuzzDecode(f *testing.F) {
	text, err := os.ReadFile("testdata/java.txt")
	if err != nil {
		f.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		_, digits, _ := strings.Cut(strings.TrimSpace(line), " ")
		b, _ := hex.DecodeString(digits)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, err := DecodeMetadata(b); err == nil {
			again, err := DecodeMetadata(AppendMetadata(nil, m))
			if err != nil || !reflect.DeepEqual(again, sameProtocol(m)) {
				t.Fatalf("metadata %+v is read back as %+v, %v", m, again, err)
			}
		}
		if a, err := DecodeAssignment(b); err == nil {
			if a.Protocol == Eager {
				a.Revoked, a.Delay = Work{}, 0 // not on the wire
			}
			again, err := DecodeAssignment(AppendAssignment(nil, a))
			if err != nil || !reflect.DeepEqual(again, a) {
				t.Fatalf("assignment %+v is read back as %+v, %v", a, again, err)
			}
		}
	})
}

func sameProtocol(m Metadata) Metadata {
	if m.Protocol == Eager {
		m.Current = nil
	}
	if m.Current != nil {
		a := *m.Current
		a.Protocol = m.Protocol
		m.Current = &a
	}
	return m
}
