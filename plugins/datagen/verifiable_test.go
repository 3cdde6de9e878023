package datagen

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/millrace/millrace/plugins/connect"
)

func startVerifiable(t *testing.T, config map[string]string) (*verifiable, *strings.Builder) {
	t.Helper()
	task := newVerifiable().(*verifiable)
	out := &strings.Builder{}
	task.out = out
	if err := task.Start(t.Context(), taskContext{offset: map[string]any{"seqno": int64(4)}}, config); err != nil {
		t.Fatal(err)
	}
	return task, out
}

func TestVerifiableReportsWhatItMakesAndWhatIsWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // its clock starts at 946684800000
		task, out := startVerifiable(t, map[string]string{"topic": "t", "throughput": "-1"})
		b := newBatch(3)
		if err := task.Poll(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		r := b.Records[2]
		if len(b.Records) != 3 || r.Key.Int() != 3 || r.Value.Int() != 7 || r.Offset.Map()["seqno"] != int64(7) || r.Source.Key["id"] != int64(3) {
			t.Errorf("%+v", r)
		}
		if err := task.Committed(t.Context(), []connect.CommittedOffset{{Source: r.Source, Offset: b.Records[1].Offset}}); err != nil {
			t.Fatal(err)
		}
		want := `{"name":"gen","task":3,"topic":"t","time_ms":946684800000,"seqno":5}
{"name":"gen","task":3,"topic":"t","time_ms":946684800000,"seqno":6}
{"name":"gen","task":3,"topic":"t","time_ms":946684800000,"seqno":7}
{"name":"gen","task":3,"topic":"t","time_ms":946684800000,"seqno":5,"committed":true}
{"name":"gen","task":3,"topic":"t","time_ms":946684800000,"seqno":6,"committed":true}
`
		if out.String() != want {
			t.Error(out)
		}
	})
}

func TestVerifiableCompleteRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		task, _ := startVerifiable(t, map[string]string{"topic": "t", "throughput": "1000", "complete.record.data": "true"})
		got := rows(t, task, 2)
		if want := "Struct{name=gen,task=3,topic=t,time_ms=946684800001,seqno=5}"; len(got) != 1 || got[0] != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	})
}

func TestVerifiableEndsWithItsContext(t *testing.T) {
	task, out := startVerifiable(t, map[string]string{"topic": "t", "throughput": "-1"})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	b := newBatch(3)
	if err := task.Poll(ctx, b); err != nil || len(b.Records) > 0 || out.Len() > 0 {
		t.Error(b.Records, out, err)
	}
}

func TestVerifiableNeedsAThroughput(t *testing.T) {
	err := newVerifiable().Start(t.Context(), taskContext{}, map[string]string{"topic": "t"})
	if err == nil || !strings.HasPrefix(err.Error(), "Invalid VerifiableSourceTask configuration: ") {
		t.Error(err)
	}
}
