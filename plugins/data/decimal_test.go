package data

import (
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"
)

// plainTwin places the point in the digits that math/big gives.
func plainTwin(i *big.Int, scale int) string {
	digits := new(big.Int).Abs(i).String()
	if scale > 0 {
		if missing := scale + 1 - len(digits); missing > 0 {
			digits = strings.Repeat("0", missing) + digits
		}
		digits = digits[:len(digits)-scale] + "." + digits[len(digits)-scale:]
	}
	if i.Sign() < 0 {
		return "-" + digits
	}
	return digits
}

func TestDecimalsAgainstTwin(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	check := func(i *big.Int, scale int) {
		t.Helper()
		unscaled := AppendUnscaledBig(nil, i)
		if got, want := string(AppendDecimalPlain([]byte("x"), unscaled, scale)), "x"+plainTwin(i, scale); got != want {
			t.Fatalf("%x with scale %d is %s, want %s", unscaled, scale, got, want)
		}
		sign := []byte{0, 0} // bytes that only repeat the sign change nothing
		if i.Sign() < 0 {
			sign = []byte{0xFF, 0xFF}
		}
		if got, want := string(AppendDecimalPlain(nil, append(sign, unscaled...), scale)), plainTwin(i, scale); got != want {
			t.Fatalf("%x behind its sign, with scale %d, is %s, want %s", unscaled, scale, got, want)
		}
	}
	for size := range 40 {
		for range 500 {
			b := make([]byte, size)
			for i := range b {
				b[i] = byte(r.Uint32()) & []byte{0xFF, 0x00, 0xFF}[r.IntN(3)]
			}
			i := new(big.Int).SetBytes(b)
			if r.IntN(2) == 0 {
				i.Neg(i)
			}
			check(i, r.IntN(40))
		}
	}
	for power := range 100 { // where the digits and the words begin anew
		for _, near := range []int64{-1, 0, 1} {
			ten := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(power)), nil)
			check(ten.Add(ten, big.NewInt(near)), 2)
			check(new(big.Int).Neg(ten), 0)
			two := new(big.Int).Lsh(big.NewInt(1), uint(3*power))
			check(two.Add(two, big.NewInt(near)), 0)
			check(new(big.Int).Neg(two), 2)
		}
	}
}

func TestDecimalsOfColumnsAllocateNothing(t *testing.T) {
	longest, _ := new(big.Int).SetString(strings.Repeat("9", 65), 10)
	unscaled, buf := AppendUnscaledBig(nil, longest), make([]byte, 0, 100)
	if n := testing.AllocsPerRun(100, func() { AppendDecimalPlain(buf, unscaled, 30) }); n != 0 {
		t.Errorf("%v allocations for 65 digits", n)
	}
}
