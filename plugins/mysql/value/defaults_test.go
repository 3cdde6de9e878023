package value_test

import (
	"encoding/hex"
	"fmt"
	"math/big"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/millrace/millrace/plugins/data"
	"github.com/millrace/millrace/plugins/mysql/table"
	"github.com/millrace/millrace/plugins/mysql/value"
)

func lines(t *testing.T, file string, fields int) [][]string {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var out [][]string
	for l := range strings.SplitSeq(strings.TrimSuffix(string(raw), "\n"), "\n") {
		f := strings.Split(l, "\t")
		if len(f) != fields {
			t.Fatalf("%s: line %q has %d fields", file, l, len(f))
		}
		out = append(out, f)
	}
	return out
}

// TestDefaults compares with what MySqlDefaultValueConverter answers. The
// columns of the file are time and bigint mode, type name, JDBC type, length,
// scale, optional, text and value.
func TestDefaults(t *testing.T) {
	for _, f := range lines(t, "testdata/defaults.tsv", 9) {
		number := func(s string) int { n, _ := strconv.Atoi(s); return n }
		col := &table.Column{
			Name: "c", TypeName: f[2], JDBCType: number(f[3]), Length: number(f[4]), Scale: number(f[5]),
			Optional: f[6] == "true", HasDefault: true, Default: &f[7],
		}
		col.Derive()
		o := &value.Options{AdjustYears: true, Time: map[string]value.TimeMode{
			"CONNECT": value.TimeConnect, "ISOSTRING": value.TimeISO, "NANOSECONDS": value.TimeNanos,
		}[f[0]]}
		if f[1] == "PRECISE" {
			o.BigintUnsigned = value.BigintPrecise
		}
		c, err := value.NewColumn(table.ID{}, col, o)
		if err != nil {
			t.Fatal(err)
		}
		def, _ := c.Schema.Default()
		if got := javaForm(c.Schema, def); got != f[8] {
			t.Errorf("%s: got %s", strings.Join(f, " "), got)
		}
	}
}

// javaForm renders a default as the recording does: the class and the value.
func javaForm(s *data.Schema, v data.Value) string {
	switch {
	case v.IsNull():
		return "null"
	case s.Name() == "org.apache.kafka.connect.data.Date":
		return fmt.Sprintf("date:%d", v.Int()*86400000)
	case strings.HasPrefix(s.Name(), "org.apache.kafka.connect.data.Time"):
		return fmt.Sprintf("date:%d", v.Int())
	case s.Name() == "org.apache.kafka.connect.data.Decimal":
		scale, _ := s.Param("scale")
		return "decimal:" + unscaled(v.Raw(), scale)
	}
	switch v.Kind() {
	case data.KindBoolean:
		return fmt.Sprintf("Boolean:%v", v.Bool())
	case data.KindInt16:
		return fmt.Sprintf("Short:%d", v.Int())
	case data.KindInt32:
		return fmt.Sprintf("Integer:%d", v.Int())
	case data.KindInt64:
		return fmt.Sprintf("Long:%d", v.Int())
	case data.KindFloat32:
		return "Float:" + javaFloat(v.Float(), 32)
	case data.KindFloat64:
		return "Double:" + javaFloat(v.Float(), 64)
	case data.KindBytes:
		return "bytes:" + hex.EncodeToString(v.Raw())
	}
	return "String:" + v.Str()
}

func javaFloat(f float64, bits int) string {
	if f >= 1e7 {
		return strings.Replace(strconv.FormatFloat(f, 'E', 1, bits), "E+", "E", 1)
	}
	s := strconv.FormatFloat(f, 'f', -1, bits)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

func unscaled(b []byte, scale string) string {
	n := new(big.Int).SetBytes(b)
	if len(b) > 0 && b[0] >= 0x80 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
	}
	digits, _ := strconv.Atoi(scale)
	r := new(big.Rat).SetFrac(n, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(digits)), nil))
	return r.FloatString(digits)
}
