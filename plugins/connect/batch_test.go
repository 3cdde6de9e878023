package connect

import (
	"strconv"
	"testing"

	"github.com/millrace/millrace/plugins/data"
)

type counted struct{ used, limit int }

func (c *counted) Take(n int) bool {
	c.used += n
	return c.used <= c.limit
}

func (c *counted) Give(n int) { c.used -= n }

// A batch keeps its records when its list grows, and gives all of it back.
func TestBatchesShareTheirMemory(t *testing.T) {
	memory := &counted{limit: 1 << 40}
	batches := NewBatches(500, 1<<20)
	for _, n := range []int{0, 1, ownRecords, ownRecords + 1, 500, 501, 2000, 3} { // a task may add more than it should
		a, b := batches.New(memory), batches.New(memory)
		for _, x := range []*Batch{a, b} {
			for i := range n {
				r := x.Add()
				if r.Topic != "" || r.Partition != NoPartition || r.Timestamp != NoTimestamp || !r.Value.IsNull() {
					t.Fatalf("record %d is not empty: %+v", i, r)
				}
				r.Topic, r.Value = "t", x.Arena.CopyString(strconv.Itoa(i))
			}
			if full := x.Full(); full != (n >= 500) {
				t.Errorf("full %v with %d records", full, n)
			}
		}
		for _, x := range []*Batch{a, b} {
			for i := range x.Records {
				if got := x.Records[i].Value.Str(); got != strconv.Itoa(i) {
					t.Fatalf("record %d of %d is %s", i, n, got)
				}
			}
			x.Reset()
			if len(x.Records) != 0 || cap(x.Records) > 2*ownRecords {
				t.Errorf("an empty batch keeps a list of %d records", cap(x.Records))
			}
		}
		if memory.used != 0 {
			t.Errorf("%d bytes are counted for empty batches", memory.used)
		}
	}
}

func TestBatchIsFullWhenMemoryIsShort(t *testing.T) {
	batches := NewBatches(500, 1<<20)
	b := batches.New(&counted{limit: data.SmallestLoan})
	for !b.Full() {
		b.Add().Value = b.Arena.CopyString("value")
	}
	if n := len(b.Records); n <= ownRecords || n > 2*ownRecords {
		t.Errorf("full with %d records", n)
	}
	b.Reset()
	if b.Full() {
		t.Error("full without records")
	}
}

func TestBatchCountsAllItsMemory(t *testing.T) {
	b := &Batch{MaxRecords: 1 << 20, MaxBytes: 1 << 20}
	n := 0
	for ; !b.Full(); n++ {
		b.Add()
		b.Arena.Values(1000) // a wide row without text
	}
	if n < 40 || n > 50 {
		t.Errorf("a batch of 1 MiB has %d rows of 24 kB", n)
	}
}
