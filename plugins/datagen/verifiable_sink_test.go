package datagen

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
)

// sinkContext is that of task 3.
type sinkContext struct{ connect.SinkTaskContext }

func (sinkContext) ConnectorName() string { return "sink" }
func (sinkContext) Task() int             { return 3 }

func TestVerifiableSinkReportsWhatComesAndWhatIsFlushed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // its clock starts at 946684800000
		task, out := newVerifiableSink().(*verifiableSink), &strings.Builder{}
		task.out = out
		if err := task.Start(t.Context(), sinkContext{}, nil); err != nil {
			t.Fatal(err)
		}
		tp := connect.TopicPartition{Topic: "t"}
		for _, v := range [][2]data.Value{{data.Int32(1), data.Int64(7)}, {data.Null(), data.String("Struct{a=\"b\"}")}} {
			r := connect.SinkRecord{Record: connect.Record{Topic: "t", Key: v[0], Value: v[1]}, KafkaOffset: 9}
			if err := task.Put(t.Context(), []connect.SinkRecord{r}); err != nil {
				t.Fatal(err)
			}
		}
		for range 2 { // the second time there is nothing to flush
			done, err := task.PreCommit(t.Context(), map[connect.TopicPartition]int64{tp: 10})
			if err != nil || done[tp] != 10 {
				t.Error(done, err)
			}
		}
		want := `{"name":"sink","task":1,"sinkTask":3,"topic":"t","time_ms":946684800000,"seqno":7,"offset":9}
{"name":"sink","task":null,"sinkTask":3,"topic":"t","time_ms":946684800000,"seqno":"Struct{a=\"b\"}","offset":9}
{"name":"sink","task":1,"sinkTask":3,"topic":"t","time_ms":946684800000,"seqno":7,"offset":9,"flushed":true}
{"name":"sink","task":null,"sinkTask":3,"topic":"t","time_ms":946684800000,"seqno":"Struct{a=\"b\"}","offset":9,"flushed":true}
`
		if out.String() != want {
			t.Errorf("got\n%swant\n%s", out, want)
		}
	})
}
