package data

import "testing"

func TestWhatIsGivenBackIsHandedOutAgain(t *testing.T) {
	var a Arena
	first := a.Bytes(10)
	a.GiveBack(4)
	second := a.Bytes(10)
	copy(first, "aaaaaaaaaa")
	copy(second, "bbbbbbbbbb")
	if string(first[:6]) != "aaaaaa" || string(second) != "bbbbbbbbbb" || &first[:7][6] != &second[0] {
		t.Errorf("%s and %s", first, second)
	}
	if a.Size() != 16 {
		t.Errorf("%d bytes are counted, want 16", a.Size())
	}
	a.Reset()
	if a.Size() != 0 {
		t.Errorf("%d bytes are counted after a reset", a.Size())
	}
}

// A row of two hundred numbers takes memory too.
func TestSizeCountsValues(t *testing.T) {
	b := NewStruct()
	for _, name := range []string{"a", "b", "c"} {
		b.Field(name, New(TypeInt64).Build())
	}
	schema := b.Build()
	var a Arena
	before := a.Size()
	a.Struct(schema)
	if got := a.Size() - before; got < 3*24 {
		t.Errorf("a struct of three values counts %d bytes", got)
	}
}
