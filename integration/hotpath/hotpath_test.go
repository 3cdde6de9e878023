package hotpath

import (
	"maps"
	"runtime"
	"syscall"
	"testing"

	"github.com/millrace/millrace/plugins/converter/registry/registrytest"
)

// way is one way through a worker.
type way struct {
	name   string
	config map[string]string
	most   float64 // allocations for a row, those of the embedded broker included
}

// The limits of the default path, and of any other. With its schema a row is so long that a batch holds a hundred, and
// the embedded broker allocates for each batch.
const (
	byDefault   = 0.1
	withSchemas = 0.3
	generic     = 1
)

func ways(t testing.TB) []way {
	const (
		json   = "org.apache.kafka.connect.json.JsonConverter"
		unwrap = "io.debezium.transforms.ExtractNewRecordState"
	)
	chain := map[string]string{
		"transforms": "unwrap,route", "transforms.unwrap.type": unwrap,
		"transforms.route.type": "org.apache.kafka.connect.transforms.RegexRouter", "transforms.route.regex": `p\.(.*)`, "transforms.route.replacement": "$1",
	}
	both := func(class string, more ...string) map[string]string {
		c := map[string]string{"key.converter": class, "value.converter": class}
		for i := 0; i < len(more); i += 2 {
			c["key.converter."+more[i]], c["value.converter."+more[i]] = more[i+1], more[i+1]
		}
		return c
	}
	plain := both(json, "schemas.enable", "false")
	packed := maps.Clone(plain)
	packed["producer.override.compression.type"] = "lz4"
	chained := maps.Clone(plain)
	maps.Copy(chained, chain)
	longer := maps.Clone(chained)
	maps.Copy(longer, map[string]string{
		"transforms": "unwrap,route,mask,cast,flat,stamp", "transforms.mask.type": "org.apache.kafka.connect.transforms.MaskField$Value", "transforms.mask.fields": "pad",
		"transforms.cast.type": "org.apache.kafka.connect.transforms.Cast$Value", "transforms.cast.spec": "k:int64",
		"transforms.flat.type":  "org.apache.kafka.connect.transforms.Flatten$Value",
		"transforms.stamp.type": "org.apache.kafka.connect.transforms.InsertField$Value", "transforms.stamp.static.field": "where", "transforms.stamp.static.value": "here",
	})
	confluent := func(format string) map[string]string {
		schemas := registrytest.New(registrytest.Config{})
		t.Cleanup(schemas.Close)
		return both("io.confluent.connect."+format, "schema.registry.url", schemas.URL)
	}
	return []way{
		{"json", plain, byDefault},
		{"json with schemas", both(json, "schemas.enable", "true"), withSchemas},
		{"json in lz4", packed, byDefault},
		{"unwrapped and routed", chained, generic},
		{"six transforms", longer, generic},
		{"avro", confluent("avro.AvroConverter"), generic},
		{"protobuf", confluent("protobuf.ProtobufConverter"), generic},
		{"json schema", confluent("json.JsonSchemaConverter"), generic},
		{"text", both("org.apache.kafka.connect.storage.StringConverter"), generic},
	}
}

// TestAllocationsOfARow counts all that is allocated in the process while the second half of the rows goes through the
// worker; the first half has filled pools and caches.
func TestAllocationsOfARow(t *testing.T) {
	for _, w := range ways(t) {
		t.Run(w.name, func(t *testing.T) {
			s := newRows(t, rowsOfTest)
			var before, after runtime.MemStats
			s.start(t, w.config)
			runtime.ReadMemStats(&before)
			s.goOn()
			s.wait(t, s.done)
			runtime.ReadMemStats(&after)
			n := float64(after.Mallocs-before.Mallocs) / (rowsOfTest / 2)
			t.Logf("%.3f allocations a row", n)
			if most := w.most * leniency; n > most {
				t.Errorf("%.3f allocations a row, want %.1f at most", n, most)
			}
		})
	}
}

// BenchmarkRow measures what a row costs, the embedded broker's work included: b.N rows after as many that warm up.
func BenchmarkRow(b *testing.B) {
	for _, w := range ways(b) {
		b.Run(w.name, func(b *testing.B) {
			s := newRows(b, int64(2*b.N))
			s.start(b, w.config)
			b.ReportAllocs()
			before := cpuSeconds(b)
			b.ResetTimer()
			s.goOn()
			s.wait(b, s.done)
			b.StopTimer()
			b.ReportMetric((cpuSeconds(b)-before)/float64(b.N)*1e6, "cpu-s/M")
		})
	}
}

// cpuSeconds is the processor time that this process has used.
func cpuSeconds(b *testing.B) float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}
