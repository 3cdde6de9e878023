package event_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
	"github.com/millrace/millrace/plugins/mysql/ddl"
	"github.com/millrace/millrace/plugins/mysql/event"
	"github.com/millrace/millrace/plugins/mysql/table"
	"github.com/millrace/millrace/plugins/mysql/value"
)

// The files of testdata hold what Debezium wrote for a configuration: records
// with their schemas, and the versions of each table in the model it had then.
type goldenFile struct {
	Config  map[string]string
	Schemas []any
	Tables  map[string][]goldenTable
	Records []goldenRecord
}

type goldenTable struct {
	DefaultCharsetName    string
	PrimaryKeyColumnNames []string
	Comment               *string
	Columns               []goldenColumn
}

type goldenColumn struct {
	Name, TypeName, TypeExpression  string
	JDBCType                        int `json:"jdbcType"`
	CharsetName                     string
	Length, Scale                   *int
	Position                        int
	Optional, AutoIncremented       bool
	Generated                       bool
	Comment, DefaultValueExpression *string
	EnumValues                      []string
}

type goldenRecord struct {
	Topic      string
	Key, Value *goldenData
	Headers    [][2]any
}

type goldenData struct {
	Schema  int
	Payload map[string]any
}

func loadGolden(t testing.TB, name string) *goldenFile {
	t.Helper()
	raw, err := os.ReadFile("testdata/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	g := new(goldenFile)
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(g); err != nil {
		t.Fatal(err)
	}
	return g
}

func TestGolden(t *testing.T) {
	for _, name := range []string{"ecommerce", "ddl", "keys", "filters", "transactions", "avro", "mariadb"} {
		t.Run(name, func(t *testing.T) {
			g := loadGolden(t, name)
			r := newReplay(t, g)
			for i := 0; i < len(g.Records); {
				i += r.play(i)
			}
		})
	}
}

// replay makes the records of a golden file again, from what they say.
type replay struct {
	t      *testing.T
	g      *goldenFile
	prefix string
	b      *event.Builder
	batch  connect.Batch
	plans  map[string][]*event.Plan
	offset connect.Offset
	source *connect.SourcePartition
}

func newReplay(t *testing.T, g *goldenFile) *replay {
	r := &replay{t: t, g: g, prefix: g.Config["topic.prefix"], plans: map[string][]*event.Plan{}}
	r.offset = connect.FixedOffset(map[string]any{"pos": int64(4)})
	r.source = &connect.SourcePartition{Key: map[string]any{"server": r.prefix}}
	b, err := event.NewBuilder(goldenConfig(t, g), r.source)
	if err != nil {
		t.Fatal(err)
	}
	r.b = b
	for id, versions := range g.Tables {
		db, name, _ := strings.Cut(id, ".")
		for _, v := range versions {
			p, err := b.Plan(goldenModel(table.ID{Database: db, Name: name}, &v))
			if err != nil {
				t.Fatal(err)
			}
			r.plans[p.Topic] = append(r.plans[p.Topic], p)
		}
	}
	return r
}

func goldenConfig(t *testing.T, g *goldenFile) event.Config {
	t.Helper()
	c := g.Config
	or := func(key, def string) string {
		if v, ok := c[key]; ok {
			return v
		}
		return def
	}
	cfg := event.Config{
		Topics: event.TopicConfig{
			Prefix: c["topic.prefix"], Delimiter: or("topic.delimiter", "."),
			HeartbeatPrefix: or("topic.heartbeat.prefix", "__debezium-heartbeat"), Transaction: or("topic.transaction", "transaction"),
		},
		Connector: "mysql", Version: "3.6.1.Final",
		Tombstones: c["tombstones.on.delete"] != "false", KeyColumns: c["message.key.columns"], Headers: true,
		RunID: "run", Value: value.Options{AdjustYears: true, Mappers: goldenMappers(t, c)},
	}
	if strings.Contains(c["connector.class"], "MariaDb") {
		cfg.Connector, cfg.Version = "mariadb", "3.5.0.Final"
	}
	var err error
	if cfg.SchemaNames, err = event.ParseAdjustment(c["schema.name.adjustment.mode"]); err != nil {
		t.Fatal(err)
	}
	if cfg.FieldNames, err = event.ParseAdjustment(c["field.name.adjustment.mode"]); err != nil {
		t.Fatal(err)
	}
	if c["binary.handling.mode"] == "base64-url-safe" {
		cfg.Value.Binary = value.BinaryBase64URL
	}
	if c["time.precision.mode"] == "microseconds" {
		cfg.Value.Time = value.TimeMicros
	}
	cfg.Filter, err = table.NewFilter(table.FilterConfig{ExcludeColumns: c["column.exclude.list"]})
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func goldenMappers(t *testing.T, c map[string]string) []value.Mapper {
	t.Helper()
	var mappers []value.Mapper
	for _, key := range slices.Sorted(maps.Keys(c)) {
		ps, err := table.ParsePatterns(c[key])
		if err != nil {
			continue
		}
		match := value.MatchColumns(ps)
		switch key {
		case "column.propagate.source.type":
			mappers = append(mappers, value.PropagateType(match))
		case "column.mask.with.12.chars":
			mappers = append(mappers, value.Mask(match, 12))
		case "column.mask.with.0.chars":
			mappers = append(mappers, value.Mask(match, 0))
		case "column.truncate.to.4.chars":
			mappers = append(mappers, value.Truncate(match, 4))
		case "column.mask.hash.v2.SHA-256.with.salt.pepper", "column.mask.hash.MD5.with.salt.salt":
			algorithm, salt, v2 := "SHA-256", "pepper", true
			if strings.Contains(key, "MD5") {
				algorithm, salt, v2 = "MD5", "salt", false
			}
			m, err := value.Hash(match, algorithm, salt, v2)
			if err != nil {
				t.Fatal(err)
			}
			mappers = append(mappers, m)
		}
	}
	return mappers
}

func goldenModel(id table.ID, g *goldenTable) *table.Table {
	t := &table.Table{ID: id, Charset: g.DefaultCharsetName, PrimaryKey: g.PrimaryKeyColumnNames, Comment: g.Comment}
	for _, c := range g.Columns {
		col := &table.Column{
			Name: c.Name, TypeName: c.TypeName, TypeExpression: c.TypeExpression, JDBCType: c.JDBCType, NativeType: table.Unset,
			Charset: c.CharsetName, Length: table.Unset, Scale: table.Unset, Position: c.Position, Optional: c.Optional,
			AutoIncremented: c.AutoIncremented, Generated: c.Generated, Comment: c.Comment,
			Default: c.DefaultValueExpression, HasDefault: c.DefaultValueExpression != nil || c.Optional, EnumValues: c.EnumValues,
		}
		if c.Length != nil {
			col.Length = *c.Length
		}
		if c.Scale != nil {
			col.Scale = *c.Scale
		}
		col.Derive()
		t.Columns = append(t.Columns, col)
	}
	return t
}

// play makes what begins with record i and returns the number of records compared.
func (r *replay) play(i int) int {
	r.t.Helper()
	want := &r.g.Records[i]
	r.batch.Reset()
	payload := map[string]any(nil)
	if want.Value != nil {
		payload = want.Value.Payload
	}
	switch {
	case want.Topic == r.prefix:
		r.schemaChange(payload)
	case strings.HasSuffix(want.Topic, ".transaction"):
		r.transaction(payload)
	case strings.HasPrefix(want.Topic, "__debezium-heartbeat"):
		r.b.SetClock(number(payload["ts_ms"]) * 1e6)
		r.b.Heartbeat(&r.batch, r.offset)
	default:
		r.row(i, payload)
	}
	for k := range r.batch.Records {
		if i+k >= len(r.g.Records) {
			r.t.Fatalf("record %d: %d records made, but the recording ends", i, len(r.batch.Records))
		}
		r.compare(i+k, &r.batch.Records[k])
	}
	if len(r.batch.Records) == 0 {
		r.t.Fatalf("record %d: nothing made", i)
	}
	return len(r.batch.Records)
}

func (r *replay) row(i int, payload map[string]any) {
	r.t.Helper()
	want := &r.g.Records[i]
	plan := r.planFor(want)
	src := r.src(payload)
	r.b.SetClock(number(payload["ts_ns"]))
	before, after := r.cells(plan, payload["before"]), r.cells(plan, payload["after"])
	var err error
	switch payload["op"] {
	case "r":
		err = plan.Read(&r.batch, src, r.offset, after)
	case "c":
		err = plan.Insert(&r.batch, src, r.offset, after)
	case "u":
		err = plan.Update(&r.batch, src, r.offsets(), before, after, nil)
	case "d":
		if want.Headers[0][0] != "__debezium.newkey" {
			err = plan.Delete(&r.batch, src, r.offsets(), before)
			break
		}
		for i++; r.g.Records[i].Value == nil || r.g.Records[i].Value.Payload == nil; i++ {
		}
		second := r.g.Records[i].Value.Payload
		err = plan.Update(&r.batch, src, r.offsets(), before, r.cells(plan, second["after"]), func(s *event.Source) connect.Offset {
			*s = *r.src(second)
			r.b.SetClock(number(second["ts_ns"]))
			return r.offset
		})
	}
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *replay) offsets() event.Offsets {
	return event.Offsets{Before: r.offset, After: r.offset}
}

// planFor chooses the version of the table that has the record's fields.
func (r *replay) planFor(want *goldenRecord) *event.Plan {
	r.t.Helper()
	fields := r.g.Schemas[want.Value.Schema].(map[string]any)["fields"].([]any)
	row := fields[0].(map[string]any)["fields"].([]any)
	for _, p := range r.plans[want.Topic] {
		if len(p.Value.Fields()) == len(row) {
			return p
		}
	}
	r.t.Fatalf("no table for topic %s", want.Topic)
	return nil
}

func (r *replay) src(payload map[string]any) *event.Source {
	s := payload["source"].(map[string]any)
	text := func(key string) string { v, _ := s[key].(string); return v }
	src := &event.Source{
		Nanos: number(s["ts_ns"]), Marker: event.Marker(text("snapshot")), ServerID: number(s["server_id"]), GTID: text("gtid"),
		File: text("file"), Pos: number(s["pos"]), Row: int32(number(s["row"])),
		Thread: number(s["thread"]), HasThread: s["thread"] != nil, Query: text("query"), HasQuery: s["query"] != nil,
	}
	if tx, ok := payload["transaction"].(map[string]any); ok {
		src.Transaction = &event.Transaction{
			ID: tx["id"].(string), Order: number(tx["total_order"]), CollectionOrder: number(tx["data_collection_order"]),
		}
	}
	return src
}

// hidden are the values behind masks, by column and id.
var hidden = map[string]map[string]any{
	"f1.b.card":    {"1": "4111111111111111", "2": "42"},
	"f1.b.emptied": {"1": "x", "2": "y"},
	"f1.c.mail":    {"1": "a@b.c", "2": nil, "3": "x@y.z"},
	"f1.c.mail2":   {"1": "a@b.c", "2": nil, "3": "x@y.z"},
	"f1.c.note":    {"1": "a long note", "2": nil, "3": "abc"},
	"f1.a.secret":  {"1": "s", "2": "s", "3": "s"},
}

// cells makes the cells of a row from its recorded values.
func (r *replay) cells(p *event.Plan, row any) []value.Cell {
	r.t.Helper()
	values, ok := row.(map[string]any)
	if !ok {
		return nil
	}
	var cells []value.Cell
	for _, c := range p.Table.Columns {
		v := values[c.Name]
		if h, ok := hidden[p.Table.ID.String()+"."+c.Name]; ok {
			v = h[fmt.Sprint(values["id"])]
		}
		cells = append(cells, goldenCell(r.t, c, v))
	}
	return cells
}

func goldenCell(t *testing.T, c *table.Column, v any) value.Cell {
	t.Helper()
	switch v := v.(type) {
	case nil:
		return value.Cell{Kind: value.Null}
	case bool:
		n := map[bool]int64{true: 1}[v]
		return value.Cell{Kind: value.Int, Num: n}
	case json.Number:
		if c.Kind == table.DateTime {
			at := time.UnixMilli(number(v)).UTC()
			return value.Cell{Kind: value.DateTime, Num: value.PackDateTime(at.Year(), int(at.Month()), at.Day(), at.Hour(), at.Minute(), at.Second(), 0)}
		}
		return value.Cell{Kind: value.Int, Num: number(v)}
	case string:
		raw, _ := base64.StdEncoding.DecodeString(v)
		switch c.Kind {
		case table.Decimal:
			n := new(big.Int).SetBytes(raw)
			if raw[0] >= 0x80 {
				n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(raw))))
			}
			return value.Cell{Kind: value.Decimal, Num: n.Int64(), Scale: uint8(c.Scale)}
		case table.Bit:
			slices.Reverse(raw)
			return value.Cell{Kind: value.Bytes, Data: raw}
		}
		return value.Cell{Kind: value.Text, Data: []byte(v)}
	}
	t.Fatalf("column %s: %T", c.Name, v)
	return value.Cell{}
}

func (r *replay) transaction(payload map[string]any) {
	nanos, id := number(payload["ts_ms"])*1e6, payload["id"].(string)
	if payload["status"] == "BEGIN" {
		r.b.TransactionBegin(&r.batch, r.offset, id, nanos)
		return
	}
	var counts []event.CollectionCount
	for _, c := range payload["data_collections"].([]any) {
		m := c.(map[string]any)
		counts = append(counts, event.CollectionCount{Collection: m["data_collection"].(string), Events: number(m["event_count"])})
	}
	r.b.TransactionEnd(&r.batch, r.offset, id, nanos, counts)
}

func (r *replay) schemaChange(payload map[string]any) {
	r.t.Helper()
	s := payload["source"].(map[string]any)
	c := &ddl.Change{Kind: ddl.UseDatabase, Database: payload["databaseName"].(string), SQL: payload["ddl"].(string), Group: []table.ID{}}
	switch names, ok := s["table"].(string); {
	case names == "" && ok:
		c.Kind, c.Group = ddl.NoEffect, nil
	case ok:
		for name := range strings.SplitSeq(names, ",") {
			c.Group = append(c.Group, table.ID{Database: c.Database, Name: name})
		}
	}
	for _, tc := range payload["tableChanges"].([]any) {
		m := tc.(map[string]any)
		c.Kind = map[string]ddl.Kind{"CREATE": ddl.CreateTable, "ALTER": ddl.AlterTable, "DROP": ddl.DropTable}[m["type"].(string)]
		db, name, _ := strings.Cut(strings.Trim(m["id"].(string), `"`), `"."`)
		c.ID = table.ID{Database: db, Name: name}
		if m["table"] != nil {
			var g goldenTable
			raw, _ := json.Marshal(m["table"])
			if err := json.Unmarshal(raw, &g); err != nil {
				r.t.Fatal(err)
			}
			c.Table = goldenModel(c.ID, &g)
		}
	}
	r.b.SetClock(number(payload["ts_ms"]) * 1e6)
	r.b.SchemaChange(&r.batch, r.src(payload), r.offset, c)
}

func (r *replay) compare(i int, got *connect.SourceRecord) {
	r.t.Helper()
	want := &r.g.Records[i]
	if got.Topic != want.Topic {
		r.t.Errorf("record %d: topic %s, want %s", i, got.Topic, want.Topic)
	}
	if got.Source != r.source || !reflect.DeepEqual(got.Offset.Map(), r.offset.Map()) {
		r.t.Errorf("record %d: source %v, offset %v", i, got.Source, got.Offset)
	}
	r.compareData(fmt.Sprintf("record %d key", i), got.KeySchema, got.Key, want.Key)
	r.compareData(fmt.Sprintf("record %d value", i), got.ValueSchema, got.Value, want.Value)
	if len(got.Headers) != len(want.Headers) {
		r.t.Fatalf("record %d: headers %v, want %v", i, got.Headers, want.Headers)
	}
	for k, h := range got.Headers {
		w := want.Headers[k]
		if h.Key != w[0] {
			r.t.Errorf("record %d: header %s, want %s", i, h.Key, w[0])
		}
		if h.Key == "__debezium.context.runId" {
			continue
		}
		exp := w[1]
		if m, ok := exp.(map[string]any); ok && m["$text"] != nil {
			exp = m["$text"]
		}
		if g := headerText(h.Schema, h.Value); g != fmt.Sprint(exp) {
			r.t.Errorf("record %d: header %s is %v, want %v", i, h.Key, g, exp)
		}
	}
}

func (r *replay) compareData(what string, s *data.Schema, v data.Value, want *goldenData) {
	r.t.Helper()
	if want == nil || want.Payload == nil {
		if !v.IsNull() {
			r.t.Errorf("%s is not null", what)
		}
		return
	}
	if got, exp := toJSON(schemaJSON(s, "")), toJSON(r.g.Schemas[want.Schema]); got != exp {
		r.t.Errorf("%s schema\n got %s\nwant %s", what, got, exp)
	}
	if got, exp := toJSON(plain(s, v)), toJSON(want.Payload); got != exp {
		r.t.Errorf("%s\n got %s\nwant %s", what, got, exp)
	}
}

// headerText renders a header as the simple header converter does: it writes
// decimals as numbers.
func headerText(s *data.Schema, v data.Value) string {
	text := fmt.Sprint(plain(s, v))
	for i, f := range s.Fields() {
		if f.Schema.Name() != "org.apache.kafka.connect.data.Decimal" {
			continue
		}
		raw := v.Struct().At(i).Raw()
		number := new(big.Rat).SetFrac64(new(big.Int).SetBytes(raw).Int64(), 10)
		text = strings.Replace(text, base64.StdEncoding.EncodeToString(raw), number.FloatString(1), 1)
	}
	return text
}
