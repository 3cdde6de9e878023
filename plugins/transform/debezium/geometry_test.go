package debezium

import (
	"bytes"
	"encoding/hex"
	"testing"
)

func TestSwapKeepsEachPartsByteOrder(t *testing.T) {
	// A little-endian multipoint of a big-endian point.
	in := "0104000000" + "01000000" + "00" + "00000001" + "3ff0000000000000" + "4000000000000000"
	want := "0104000000" + "01000000" + "00" + "00000001" + "4000000000000000" + "3ff0000000000000"
	b, _ := hex.DecodeString(in)
	got, err := swapCoordinates(b)
	if err != nil || hex.EncodeToString(got) != want {
		t.Errorf("%x, %v", got, err)
	}
}

func FuzzSwap(f *testing.F) {
	for _, s := range []string{
		"0101000000000000000000f03f0000000000000040",
		"00200000010000111f3ff00000000000004000000000000000",
		"01040000000100000000000000013ff00000000000004000000000000000",
		"0107000000ffffffff",
		"010300000001000000ffffffff",
	} {
		b, _ := hex.DecodeString(s)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		original := bytes.Clone(in)
		once, err := swapCoordinates(in)
		if !bytes.Equal(in, original) {
			t.Fatal("changed in place")
		}
		if err != nil {
			return
		}
		twice, err := swapCoordinates(once)
		if err != nil || !bytes.Equal(twice, in[:len(twice)]) {
			t.Fatalf("%x, then %x (%v)", in, twice, err)
		}
	})
}
