package value

import (
	"math/big"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/millrace/millrace/plugins/data"
	"github.com/millrace/millrace/plugins/mysql/table"
	"github.com/millrace/millrace/plugins/mysql/value/valuetest"
)

func randomDigits(r *rand.Rand, n int) string {
	b := make([]byte, n)
	sparse := r.IntN(3) == 0
	for i := range b {
		b[i] = '0'
		if !sparse || r.IntN(10) == 0 {
			b[i] += byte(r.IntN(10))
		}
	}
	return string(b)
}

// TestDecimals checks, for random decimals of every size, that both read paths
// give the same values, and that these are what big numbers say.
func TestDecimals(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 20000 {
		precision := 1 + r.IntN(65)
		scale := r.IntN(min(precision, 30) + 1)
		whole, frac, neg := randomDigits(r, precision-scale), randomDigits(r, scale), r.IntN(2) == 0
		if strings.Trim(whole+frac, "0") == "" {
			neg = false // the server has no negative zero
		}
		checkDecimal(t, whole, frac, neg)
	}
}

func checkDecimal(t *testing.T, whole, frac string, neg bool) {
	t.Helper()
	precision, scale := len(whole)+len(frac), len(frac)
	text := strings.TrimLeft(whole, "0")
	if text == "" {
		text = "0"
	}
	if scale > 0 {
		text += "." + frac
	}
	if neg {
		text = "-" + text
	}
	d, err := NewRowDecoder([]ColumnMeta{{Type: typeNewDecimal, Meta: uint16(precision)<<8 | uint16(scale)}})
	if err != nil {
		t.Fatal(err)
	}
	a := new(data.Arena)
	var cells [2]Cell
	image := append([]byte{0}, valuetest.Decimal(whole, frac, neg)...)
	if rest, err := d.Decode(a, nil, image, cells[:1]); err != nil || len(rest) != 0 {
		t.Fatalf("%s: %v, %d bytes left", text, err, len(rest))
	}
	col := &table.Column{Kind: table.Decimal}
	if err := NewTextDecoder([]*table.Column{col}, TextOptions{}).Decode(0, []byte(text), &cells[1]); err != nil {
		t.Fatal(err)
	}
	want, _ := new(big.Int).SetString(strings.Replace(text, ".", "", 1), 10)
	double, _ := strconv.ParseFloat(text, 64)
	for i := range cells {
		for mode, check := range map[DecimalMode]func(v data.Value) bool{
			DecimalPrecise: func(v data.Value) bool { return signedBig(v.Raw()).Cmp(want) == 0 && minimal(v.Raw()) },
			DecimalString:  func(v data.Value) bool { return v.Str() == text },
			DecimalDouble:  func(v data.Value) bool { return v.Float() == double },
		} {
			v, err := decimalType(mode, precision, scale).convert(a, &cells[i])
			if err != nil || !check(v) {
				t.Fatalf("path %d, mode %d: %s (%d,%d) gives %x %q %v, %v", i, mode, text, precision, scale, v.Raw(), v.Str(), v.Float(), err)
			}
		}
	}
}

func signedBig(b []byte) *big.Int {
	n := new(big.Int).SetBytes(b)
	if len(b) > 0 && b[0] >= 0x80 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
	}
	return n
}

// minimal says whether no byte could be left out, as BigInteger.toByteArray promises.
func minimal(b []byte) bool {
	return len(b) == 1 || len(b) > 1 && (b[0] != 0 || b[1] >= 0x80) && (b[0] != 0xFF || b[1] < 0x80)
}

func TestIntegerDecimals(t *testing.T) {
	a := new(data.Arena)
	for _, n := range []uint64{0, 1, 127, 128, 255, 256, 32767, 32768, 1 << 31, 1<<63 - 1, 1 << 63, 1<<64 - 1} {
		if b := uint64Decimal(a, n).Raw(); signedBig(b).Cmp(new(big.Int).SetUint64(n)) != 0 || !minimal(b) {
			t.Errorf("%d is %x", n, b)
		}
		if b := int64Decimal(a, -int64(n)).Raw(); signedBig(b).Cmp(big.NewInt(-int64(n))) != 0 || !minimal(b) {
			t.Errorf("-%d is %x", n, b)
		}
	}
}

// TestDecimalTextsAgainstTwin reads texts, malformed ones among them, with a regular
// expression and big numbers.
func TestDecimalTextsAgainstTwin(t *testing.T) {
	form := regexp.MustCompile(`^-?[0-9]*(\.[0-9]*)?$`)
	r := rand.New(rand.NewPCG(11, 12))
	for range 200_000 {
		b := make([]byte, r.IntN(45))
		for i := range b {
			b[i] = "0123456789"[r.IntN(10)]
		}
		for range r.IntN(4) {
			if len(b) > 0 {
				b[r.IntN(1+r.IntN(len(b)))] = "-.-.0000x/:"[r.IntN(11)]
			}
		}
		text := string(b)
		var c Cell
		err := c.setDecimalText(b)
		if ok := form.MatchString(text); ok != (err == nil) {
			t.Fatalf("%q: %v", text, err)
		}
		if err != nil {
			continue
		}
		_, frac, _ := strings.Cut(text, ".")
		unscaled, _ := new(big.Int).SetString(strings.TrimPrefix(strings.Replace(text, ".", "", 1), "-"), 10)
		if unscaled == nil {
			unscaled = new(big.Int) // no digit
		}
		long := len(strings.TrimLeft(unscaled.String(), "0")) > maxSmallDigits || len(frac) > 38
		if strings.HasPrefix(text, "-") {
			unscaled.Neg(unscaled)
		}
		if long != (c.Kind == DecimalText) || int(c.Scale) != len(frac) || !long && c.Num != unscaled.Int64() {
			t.Fatalf("%q is %+v", text, c)
		}
		v, err := preciseDecimal(new(data.Arena), &c, len(frac)+2)
		if want := new(big.Int).Mul(unscaled, big.NewInt(100)); err != nil || signedBig(v.Raw()).Cmp(want) != 0 {
			t.Fatalf("%q is %x with two more digits (%v), want %s", text, v.Raw(), err, want)
		}
	}
}

func TestDecimalErrors(t *testing.T) {
	d, err := NewRowDecoder([]ColumnMeta{{Type: typeNewDecimal, Meta: 9 << 8}})
	if err != nil {
		t.Fatal(err)
	}
	cells := make([]Cell, 1)
	if _, err := d.Decode(new(data.Arena), nil, []byte{0, 0xFF, 0xFF, 0xFF, 0xFF}, cells); err == nil {
		t.Error("a group of more than nine digits is accepted")
	}
	for _, meta := range []uint16{66 << 8, 5<<8 | 6, 60<<8 | 39} {
		if _, err := NewRowDecoder([]ColumnMeta{{Type: typeNewDecimal, Meta: meta}}); err == nil {
			t.Errorf("metadata %x is accepted", meta)
		}
	}
	for _, text := range []string{"1x", "1.2.3", "--1", "1-"} {
		if err := new(Cell).setDecimalText([]byte(text)); err == nil {
			t.Errorf("%q is accepted", text)
		}
	}
	if _, err := preciseDecimal(new(data.Arena), &Cell{Kind: Decimal, Num: 123, Scale: 2}, 1); err == nil {
		t.Error("a digit is dropped")
	}
	if v, err := preciseDecimal(new(data.Arena), &Cell{Kind: Decimal, Num: 120, Scale: 2}, 4); err != nil || signedBig(v.Raw()).Int64() != 12000 {
		t.Errorf("1.20 with four digits is %x, %v", v.Raw(), err)
	}
}
