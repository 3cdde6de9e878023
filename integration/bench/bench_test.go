package main

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		all  []float64
		want float64
	}{{[]float64{3, 1, 2}, 2}, {[]float64{4, 1, 3, 2}, 2.5}} {
		if got := medianOf(c.all, func(v float64) float64 { return v }); got != c.want {
			t.Errorf("median of %v is %g", c.all, got)
		}
	}
}

func TestRatio(t *testing.T) {
	if got := ratio(series{1000, 900, 1100}, series{100, 90, 200}); got != 10 {
		t.Errorf("ten times the median rate is %g", got)
	}
	for _, none := range []float64{ratio(nil, series{1}), ratio(series{1}, nil), ratio(series{1}, series{0})} {
		if none != 0 {
			t.Errorf("a ratio to nothing is %g", none)
		}
	}
}

func TestNumbers(t *testing.T) {
	for _, c := range []struct {
		v    float64
		want string
	}{{1234567, "1,234,600"}, {99960, "100,000"}, {30712, "30,700"}, {2345, "2,345"}, {252.4, "252"}, {47.25, "47.2"}, {0.88, "0.88"}, {0.012, "0.012"}, {0, "0.000"}} {
		if got := number(c.v); got != c.want {
			t.Errorf("%g is written as %s, want %s", c.v, got, c.want)
		}
	}
	if got := (series{3, 1, 2}).String(); got != "2.00 (1.00–3.00)" {
		t.Errorf("three runs are written as %s", got)
	}
}

func TestQuantile(t *testing.T) {
	all := make([]float64, 100)
	for i := range all {
		all[i] = float64(i + 1)
	}
	for p, want := range map[float64]float64{0.5: 51, 0.99: 100, 1: 100} {
		if got := quantile(all, p); got != want {
			t.Errorf("quantile %g of 1 to 100 is %g, want %g", p, got, want)
		}
	}
}

func TestReplaceSection(t *testing.T) {
	const document = "# Results\n\nIntroduction.\n\n## Start\n\nold\n\n## Start again\n\nother\n"
	for _, c := range []struct{ name, document, title, text, want string }{
		{"first", document, "Start", "## Start\n\nnew\n", "# Results\n\nIntroduction.\n\n## Start\n\nnew\n\n## Start again\n\nother\n"},
		{"last", document, "Start again", "## Start again\n\nnew\n\n", "# Results\n\nIntroduction.\n\n## Start\n\nold\n\n## Start again\n\nnew\n"},
		{"missing", document, "Memory", "## Memory\n", document + "\n## Memory\n"},
		{"empty", "", "Memory", "## Memory\n", "## Memory\n"},
		{"alone", "## Memory\n\nold\n", "Memory", "## Memory\n\nnew\n", "## Memory\n\nnew\n"},
	} {
		if got := replaceSection(c.document, c.title, c.text); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestWants(t *testing.T) {
	tables := group{name: "tables", workloads: []string{"wide20", "json"}}
	for _, c := range []struct {
		only     []string
		workload string
		want     bool
	}{
		{nil, "", true}, {nil, "json", true}, {[]string{"tables"}, "json", true}, {[]string{"json"}, "", true},
		{[]string{"json"}, "wide20", false}, {[]string{"json"}, "json", true}, {[]string{"main"}, "", false},
	} {
		if got := (&options{only: c.only}).wants(tables, c.workload); got != c.want {
			t.Errorf("-only %v, workload %q: %v", c.only, c.workload, got)
		}
	}
}

// A workload's name is the only one of its kind, so that -only and the names of topics are clear.
func TestNamesAreUnique(t *testing.T) {
	seen := map[string]bool{}
	for _, g := range groups() {
		for _, name := range append([]string{g.name}, g.workloads...) {
			if seen[name] {
				t.Errorf("two of the name %s", name)
			}
			seen[name] = true
		}
	}
}

func TestRowsOfTables(t *testing.T) {
	for _, c := range []struct{ share, all, want int }{{0, 5_000_000, 5_000_000}, {20, 200_000, 10_000}, {20, 1000, 200}, {2, 1001, 600}} {
		if got := (table{share: c.share}).rows(c.all); got != c.want {
			t.Errorf("share %d of %d rows: %d, want %d", c.share, c.all, got, c.want)
		}
	}
}

// What a producer without work sends is what was written, but for producer id, sequence number and checksum.
func TestStampedBatches(t *testing.T) {
	source := kmsg.RecordBatch{FirstOffset: 77, PartitionLeaderEpoch: 3, Magic: 2, NumRecords: 2, LastOffsetDelta: 1, ProducerID: 5, FirstSequence: 9, Records: []byte("records")}
	source.Length = int32(batchOverhead - batchLeaderAt + len(source.Records))
	raw := source.AppendTo(nil)
	whole := cutBatches(append(append([]byte{}, raw...), raw[:20]...))
	if len(whole) != 1 || !bytes.Equal(whole[0], raw) {
		t.Fatalf("a batch and the beginning of another are cut into %d", len(whole))
	}
	c := &ceiling{producer: 42, epoch: 1}
	r := newReadyRequest("t", whole[0])
	c.stamp(r, 8, 100)
	if got := binary.BigEndian.Uint32(r.frame[correlationAt:]); got != 8 || r.records != 2 {
		t.Errorf("correlation id %d, %d records", got, r.records)
	}
	var got kmsg.RecordBatch
	if err := got.ReadFrom(r.batch); err != nil {
		t.Fatal(err)
	}
	if sum := crc32.Checksum(r.batch[batchAttributes:], castagnoli); uint32(got.CRC) != sum {
		t.Errorf("checksum %x, want %x", uint32(got.CRC), sum)
	}
	if got.ProducerID != 42 || got.ProducerEpoch != 1 || got.FirstSequence != 100 || got.FirstOffset != 0 || got.PartitionLeaderEpoch != -1 || string(got.Records) != "records" {
		t.Errorf("%+v", got)
	}
}

func TestLargestBatches(t *testing.T) {
	got := largest([][]byte{make([]byte, 10), make([]byte, 100), make([]byte, 50), make([]byte, 49)})
	if len(got) != 2 || len(got[0]) != 100 || len(got[1]) != 50 {
		t.Errorf("%d batches are left", len(got))
	}
}

func TestLatencies(t *testing.T) {
	at := func(ms ...int) (times []time.Time) {
		for _, m := range ms {
			times = append(times, time.UnixMilli(int64(m)))
		}
		return times
	}
	f := latencies(at(0, 100), at(2, 103), at(3, 107))
	if f[fromCommit50] != 4 || f[fromInsert50] != 7 || f[fromCommitMax] != 4 {
		t.Errorf("%v", f)
	}
}
