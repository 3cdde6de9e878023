package datagen

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/millrace/millrace/plugins/data"
)

// newMaker reads the description of a field behind its name.
func newMaker(kind string, args []string) (*data.Schema, maker, error) {
	most := 1 // arguments
	switch kind {
	case "int":
		most = 2
	case "choice":
		most = math.MaxInt
	case "sequence", "float", "boolean", "timestamp":
		most = 0
	}
	if len(args) > most {
		return nil, nil, fmt.Errorf("too much after %s", kind)
	}
	switch kind {
	case "sequence":
		return data.New(data.TypeInt64).Build(), func(_ *data.Arena, _ *rand.Rand, n int64) data.Value { return data.Int64(n) }, nil
	case "int":
		return newInt(args)
	case "float":
		return data.New(data.TypeFloat64).Build(), func(_ *data.Arena, r *rand.Rand, _ int64) data.Value { return data.Float64(r.Float64()) }, nil
	case "boolean":
		return data.New(data.TypeBoolean).Build(), func(_ *data.Arena, r *rand.Rand, _ int64) data.Value { return data.Boolean(r.Uint64()&1 != 0) }, nil
	case "text", "bytes":
		return newText(kind, args)
	case "choice":
		return newChoice(args)
	case "decimal":
		return newDecimal(args)
	case "timestamp":
		return data.NewTimestamp().Build(), func(*data.Arena, *rand.Rand, int64) data.Value { return data.Int64(time.Now().UnixMilli()) }, nil
	}
	return nil, nil, fmt.Errorf("no such kind: %q", kind)
}

// whole reads argument i; without it, it is def.
func whole(args []string, i int, def, least, most int64) (int64, error) {
	if i >= len(args) {
		return def, nil
	}
	n, err := strconv.ParseInt(args[i], 10, 64)
	if err != nil || n < least || n > most {
		return 0, fmt.Errorf("%q must be a whole number from %d to %d", args[i], least, most)
	}
	return n, nil
}

func newInt(args []string) (*data.Schema, maker, error) {
	low, err := whole(args, 0, 0, math.MinInt64, math.MaxInt64)
	if err != nil {
		return nil, nil, err
	}
	high, err := whole(args, 1, max(low, math.MaxInt32), low, math.MaxInt64)
	if err != nil {
		return nil, nil, err
	}
	span := uint64(high) - uint64(low) + 1 // 0 stands for all numbers
	return data.New(data.TypeInt64).Build(), func(_ *data.Arena, r *rand.Rand, _ int64) data.Value {
		if span == 0 {
			return data.Int64(int64(r.Uint64()))
		}
		return data.Int64(low + int64(r.Uint64N(span)))
	}, nil
}

// maxLength bounds text and binary fields.
const maxLength = 16 << 20

func newText(kind string, args []string) (*data.Schema, maker, error) {
	length, err := whole(args, 0, 16, 0, maxLength)
	if err != nil {
		return nil, nil, err
	}
	if kind == "bytes" {
		return data.New(data.TypeBytes).Build(), func(a *data.Arena, r *rand.Rand, _ int64) data.Value {
			return data.Bytes(random(a, r, int(length)))
		}, nil
	}
	return data.New(data.TypeString).Build(), func(a *data.Arena, r *rand.Rand, _ int64) data.Value {
		const letters = "abcdefghijklmnopqrstuvwxyz 12345" // a power of two
		b := random(a, r, int(length))
		for i := range b {
			b[i] = letters[b[i]%byte(len(letters))]
		}
		return data.StringBytes(b)
	}, nil
}

func random(a *data.Arena, r *rand.Rand, n int) []byte {
	b := a.Bytes(n)
	rest := b
	for ; len(rest) >= 8; rest = rest[8:] {
		binary.LittleEndian.PutUint64(rest, r.Uint64())
	}
	for last := r.Uint64(); len(rest) > 0; rest, last = rest[1:], last>>8 {
		rest[0] = byte(last)
	}
	return b
}

func newChoice(words []string) (*data.Schema, maker, error) {
	if len(words) == 0 {
		return nil, nil, fmt.Errorf("choice needs what to choose from")
	}
	return data.New(data.TypeString).Build(), func(_ *data.Arena, r *rand.Rand, _ int64) data.Value {
		return data.String(words[r.IntN(len(words))])
	}, nil
}

// newDecimal makes numbers of six digits.
func newDecimal(args []string) (*data.Schema, maker, error) {
	scale, err := whole(args, 0, 2, 0, 38)
	if err != nil {
		return nil, nil, err
	}
	return data.DecimalOf(int(scale)).Build(), func(a *data.Arena, r *rand.Rand, _ int64) data.Value {
		n := r.IntN(1_000_000)
		b := a.Bytes(3)
		b[0], b[1], b[2] = byte(n>>16), byte(n>>8), byte(n)
		for len(b) > 1 && b[0] == 0 && b[1] < 0x80 { // the shortest form
			b = b[1:]
		}
		return data.Bytes(b)
	}, nil
}
