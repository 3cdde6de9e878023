package worker

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
)

// textHeaders writes headers as text and counts them; it refuses the text "bad".
type textHeaders struct {
	connect.HeaderConverter
	n int
}

func (c *textHeaders) AppendHeader(dst []byte, topic, key string, s *data.Schema, v data.Value) ([]byte, bool, error) {
	c.n++
	if v.Str() == "bad" {
		return dst, false, &connect.DataError{Err: errStopped}
	}
	if v.IsNull() {
		return dst, true, nil
	}
	dst = append(append(dst, topic...), s.Name()...)
	return data.AppendText(dst, s, v), false, nil
}

// encodeHeaders does with a record's headers what the encoder does; own of them are
// there from the start, the others are added by converters.
func encodeHeaders(h *headers, c connect.HeaderConverter, r *connect.Record, own int) ([]byte, int) {
	all := r.Headers
	r.Headers = all[:own]
	h.begin(r)
	for h.n < own {
		if h.convert(c, r.Topic, &r.Headers[h.n]) != nil {
			return nil, -1
		}
	}
	r.Headers = all
	for i := h.n; i < len(all); i++ {
		h.add(&all[i])
	}
	return h.encoded, h.n
}

// TestHeadersAreThoseOfTheRecord compares headers that are remembered with those
// that are made anew for each record, in memory that is used again and again.
func TestHeadersAreThoseOfTheRecord(t *testing.T) {
	schemas := []*data.Schema{data.New(data.TypeString).Build(), data.New(data.TypeString).Name("x").Build()}
	rnd := rand.New(rand.NewPCG(1, 2))
	var remembering headers
	var c, anew textHeaders
	var a data.Arena
	for range 20_000 {
		a.Reset()
		r := connect.Record{Topic: pick(rnd, "t", "t", "t", "u")}
		for range rnd.IntN(3) {
			v := pick(rnd, a.CopyString("a"), a.CopyString("b"), a.CopyString(""), data.Null(), data.Int64(1), data.Int32(1), data.Bytes(a.Copy([]byte("a"))),
				data.Array([]data.Value{data.Int64(int64(rnd.IntN(2)))}), data.String("bad"))
			r.Headers = append(r.Headers, connect.Header{Key: pick(rnd, "k", "k", "l"), Schema: pick(rnd, schemas[0], schemas[0], schemas[1]), Value: v})
		}
		own := len(r.Headers)
		if rnd.IntN(4) == 0 {
			r.Headers = append(r.Headers, connect.Header{Key: "added", Value: data.Bytes([]byte{7})})
		}
		want, n := encodeHeaders(new(headers), &anew, &r, own)
		got, m := encodeHeaders(&remembering, &c, &r, own)
		if n != m || !bytes.Equal(got, want) {
			t.Fatalf("headers %v: %q (%d), want %q (%d)", r.Headers, got, m, want, n)
		}
	}
	if c.n >= anew.n {
		t.Errorf("%d headers were converted, %d without remembering", c.n, anew.n)
	}
}

func pick[T any](rnd *rand.Rand, of ...T) T { return of[rnd.IntN(len(of))] }

func TestHeadersThatStayTheSameAreConvertedOnce(t *testing.T) {
	s := data.New(data.TypeString).Build()
	r := connect.Record{Topic: "t", Headers: []connect.Header{
		{Key: "__debezium.context.taskId", Schema: s, Value: data.String("0")}, {Key: "n", Schema: s, Value: data.Null()}}}
	var h headers
	var c textHeaders
	allocs := testing.AllocsPerRun(100, func() { encodeHeaders(&h, &c, &r, 2) })
	if c.n != 2 || allocs != 0 {
		t.Errorf("%d conversions, %v allocations per record", c.n, allocs)
	}
	r.Headers = slices.Clone(r.Headers)
	r.Headers[0].Value = data.String("1")
	if encodeHeaders(&h, &c, &r, 2); c.n != 4 {
		t.Errorf("%d conversions after a change", c.n)
	}
}
