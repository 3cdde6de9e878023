package position

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/quick"

	"github.com/go-mysql-org/go-mysql/mysql"
)

const (
	uuidA = "53474a05-e696-11f1-b295-02fc00000001"
	uuidB = "a3474a05-e696-11f1-b295-02fc00000001"
)

func mustSet(t testing.TB, f Flavor, s string) *Set {
	t.Helper()
	set, err := ParseSet(f, s)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// The texts on the right were printed by the Java binlog client 0.41.0.
func TestParsePrintsAsJava(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", ""},
		{" \n", ""},
		{uuidA + ":5", uuidA + ":5-5"},
		{uuidA + ":1-3:7:4", uuidA + ":1-4:7-7"},
		{uuidA + ":1-5:4-7:9-9", uuidA + ":1-7:9-9"},
		{uuidB + ":5," + uuidA + ":1-3", uuidB + ":5-5," + uuidA + ":1-3"},
		{uuidA + ":1-5,\n" + uuidB + ":7", uuidA + ":1-5," + uuidB + ":7-7"},
		{"53474A05-E696-11F1-B295-02FC00000001:3-4", uuidA + ":3-4"},
		{"53474A05E69611F1B29502FC00000001:3-4", uuidA + ":3-4"},
		{uuidA + ":1-5:tag1:1-3:8", uuidA + ":1-5:tag1:1-3:8-8"},
		{uuidA + ":zed:1:1-5:abc:3", uuidA + ":zed:1-5:abc:3-3"},
		{uuidA + ":tag1:1", uuidA + ":tag1:1-1"},
		{uuidA + ":abc:3," + uuidB + ":1," + uuidA + ":1-5", uuidA + ":1-5:abc:3-3," + uuidB + ":1-1"},
	} {
		if got := mustSet(t, MySQL, c.in).String(); got != c.want {
			t.Errorf("%q: got %q, want %q", c.in, got, c.want)
		}
	}
	for _, c := range []struct{ in, want string }{
		{"", ""},
		{"0-1-2,", "0-1-2"},
		{"20-1-83,3-3-9,1000000-1-1,100-1-1", "3-3-9,20-1-83,100-1-1,1000000-1-1"},
		{"7-2-5,0-1-83", "0-1-83,7-2-5"},
		{"0-3-9,0-1-83", "0-1-83"},
	} {
		if got := mustSet(t, MariaDB, c.in).String(); got != c.want {
			t.Errorf("%q: got %q, want %q", c.in, got, c.want)
		}
	}
}

func TestParseRejects(t *testing.T) {
	for _, in := range []string{"x", uuidA, uuidA + ":0-3", uuidA + ":5-3", uuidA + ":a b", uuidA + ":1:tag",
		uuidA + ":-1", uuidA + ":1-", uuidA + ":99999999999999999999", "zz474a05-e696-11f1-b295-02fc00000001:1",
		uuidA + ":thistagisfarfartoolongforanyservertoaccept:1"} {
		if set, err := ParseSet(MySQL, in); err == nil {
			t.Errorf("%q was read as %q", in, set)
		}
	}
	for _, in := range []string{"0-1", "0-1-2-3", "a-1-2", "0-4294967296-1", "0-1--2"} {
		if set, err := ParseSet(MariaDB, in); err == nil {
			t.Errorf("%q was read as %q", in, set)
		}
	}
}

// The order in which the Java client prints what is added to a set.
func TestAddKeepsJavaOrder(t *testing.T) {
	s := mustSet(t, MySQL, uuidA+":zed:1:1-5:abc:3").Sort()
	for _, g := range []string{uuidA + ":mid:1", uuidA + ":abc:4", uuidB + ":2", uuidA + ":7"} {
		gtid, err := ParseGTID(MySQL, g)
		if err != nil {
			t.Fatal(err)
		}
		s.Add(gtid)
	}
	want := uuidA + ":7-7:abc:3-4:zed:1-5:mid:1-1," + uuidB + ":2-2"
	if got := s.String(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTextIsAMoment(t *testing.T) {
	s := mustSet(t, MySQL, uuidA+":1-5:9,"+uuidB+":1")
	a, _ := ParseUUID(uuidA)
	before := s.Text()
	var texts []SetText
	for n := int64(10); n < 15; n++ {
		s.Add(GTID{UUID: a, N: n})
		texts = append(texts, s.Text())
	}
	if got, want := before.String(), uuidA+":1-5:9-9,"+uuidB+":1-1"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for i, text := range texts {
		want := uuidA + ":1-5:9-" + string([]byte{'1', byte('0' + i)}) + "," + uuidB + ":1-1"
		if got := text.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if n := testing.AllocsPerRun(100, func() {
		s.Add(GTID{UUID: a, N: s.sources[0].intervals[1].Last + 1})
		s.Text()
	}); n != 0 {
		t.Errorf("adding the next transaction allocates %v times", n)
	}
}

// TestTextFollowsEveryAddition compares the text that is kept up to date with
// that of a set which is printed for the first time: transactions of several
// servers come in any order, fill gaps and come twice.
func TestTextFollowsEveryAddition(t *testing.T) {
	a, _ := ParseUUID(uuidA)
	b, _ := ParseUUID(uuidB)
	err := quick.Check(func(seed uint64) bool {
		rnd := rand.New(rand.NewPCG(seed, 3))
		s, next := NewSet(MySQL), int64(1)
		for range 60 {
			g := GTID{UUID: a, N: next + rnd.Int64N(4)}
			switch rnd.IntN(8) {
			case 0:
				g.UUID = b
			case 1:
				g.Tag = "tag"
			case 2, 3:
				g.N = max(1, next-rnd.Int64N(6))
			}
			s.Add(g)
			next = max(next, g.N)
			kept := s.String()
			again := s.Clone()
			again.fresh = false
			if kept != again.String() {
				t.Logf("after %s: %s, want %s", g, kept, again)
				return false
			}
		}
		return true
	}, nil)
	if err != nil {
		t.Error(err)
	}
}

func TestGTIDText(t *testing.T) {
	for _, c := range []struct {
		flavor Flavor
		text   string
		source string
	}{
		{MySQL, uuidA + ":7", uuidA},
		{MySQL, uuidA + ":tag_1:7", uuidA},
		{MariaDB, "0-223345-84", "0-223345"},
	} {
		g, err := ParseGTID(c.flavor, c.text)
		if err != nil {
			t.Fatal(err)
		}
		if g.String() != c.text || g.Source() != c.source {
			t.Errorf("%q: got %q of %q", c.text, g, g.Source())
		}
	}
	for _, in := range []string{uuidA + ":1-2", uuidA + ":1:3", "", uuidA + ":1," + uuidB + ":1"} {
		if g, err := ParseGTID(MySQL, in); err == nil {
			t.Errorf("%q was read as one GTID: %v", in, g)
		}
	}
}

func TestMariaDBSetOperations(t *testing.T) {
	a := mustSet(t, MariaDB, "0-1-83,7-2-5")
	for _, c := range []struct {
		other                          string
		containsAll                    bool
		union, subtract, withoutServer string
	}{
		{"0-1-83", true, "0-1-83,7-2-5", "7-2-5", "7-2-5"},
		{"0-2-84", false, "0-2-84,7-2-5", "7-2-5", "7-2-5"},
		{"1-1-1", false, "0-1-83,1-1-1,7-2-5", "0-1-83,7-2-5", "7-2-5"},
	} {
		b := mustSet(t, MariaDB, c.other)
		if got := a.ContainsAll(b); got != c.containsAll {
			t.Errorf("%s contains %s: %v", a, b, got)
		}
		if got := a.Union(b).String(); got != c.union {
			t.Errorf("union with %s: %s", b, got)
		}
		if got := a.Subtract(b).String(); got != c.subtract {
			t.Errorf("without %s: %s", b, got)
		}
		if got := a.Retain(func(s string) bool { return s != "0-1" }).String(); got != c.withoutServer {
			t.Errorf("retained: %s", got)
		}
	}
}

// naive is a set of transactions, one by one.
type naive map[string]bool

func (n naive) set(t testing.TB) *Set {
	s := NewSet(MySQL)
	for _, k := range slices.Sorted(maps.Keys(n)) {
		g, err := ParseGTID(MySQL, k)
		if err != nil {
			t.Fatal(err)
		}
		s.Add(g)
	}
	return s
}

func randomNaive(r *rand.Rand) naive {
	n := naive{}
	for range r.IntN(30) {
		n[randomGTID(r).String()] = true
	}
	return n
}

func randomGTID(r *rand.Rand) GTID {
	a, _ := ParseUUID([]string{uuidA, uuidB}[r.IntN(2)])
	return GTID{UUID: a, Tag: []string{"", "", "t", "u"}[r.IntN(4)], N: 1 + r.Int64N(12)}
}

func TestSetOperationsAgainstNaiveTwin(t *testing.T) {
	err := quick.Check(func(seed uint64) bool {
		r := rand.New(rand.NewPCG(seed, 1))
		na, nb := randomNaive(r), randomNaive(r)
		a, b := na.set(t), nb.set(t)
		union, diff, subset := naive{}, naive{}, true
		maps.Copy(union, na)
		maps.Copy(union, nb)
		for k := range na {
			if !nb[k] {
				diff[k] = true
			}
		}
		for k := range nb {
			subset = subset && na[k]
		}
		g := randomGTID(r)
		return a.Contains(g) == na[g.String()] &&
			a.ContainsAll(b) == subset &&
			a.Union(b).Equal(union.set(t)) &&
			a.Subtract(b).Equal(diff.set(t)) &&
			a.Union(b).Sort().String() == union.set(t).Sort().String() &&
			a.Clone().Equal(a) && a.IsEmpty() == (len(na) == 0) &&
			mustSet(t, MySQL, a.String()).Equal(a)
	}, &quick.Config{MaxCount: 2000})
	if err != nil {
		t.Error(err)
	}
}

// go-mysql encodes sets, too; the server decides in the tests against it.
func TestAppendBinaryAgainstLibrary(t *testing.T) {
	err := quick.Check(func(seed uint64) bool {
		s := randomNaive(rand.New(rand.NewPCG(seed, 2))).set(t)
		lib, err := mysql.ParseMysqlGTIDSet(s.String())
		return err == nil && string(lib.Encode()) == string(s.AppendBinary(nil))
	}, nil)
	if err != nil {
		t.Error(err)
	}
}

func TestRestartSet(t *testing.T) {
	stored := mustSet(t, MySQL, uuidB+":4-9,"+uuidA+":1-7")
	purged := mustSet(t, MySQL, uuidA+":1-9,53474a05-e696-11f1-b295-02fc00000002:1-3")
	got := RestartSet(stored, purged, nil).String()
	want := uuidA + ":1-7,53474a05-e696-11f1-b295-02fc00000002:1-3," + uuidB + ":4-9"
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	got = RestartSet(stored, NewSet(MySQL), func(s string) bool { return s == uuidB }).String()
	if want := uuidB + ":4-9"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func FuzzParseSet(f *testing.F) {
	for _, s := range []string{uuidA + ":1-5:7:tag:1-3," + uuidB + ":9", "0-1-83,7-2-5", "", ",,", uuidA + ":1:", uuidA + ":tag"} {
		f.Add(s, true)
		f.Add(s, false)
	}
	f.Fuzz(func(t *testing.T, s string, mysql bool) {
		flavor := MariaDB
		if mysql {
			flavor = MySQL
		}
		set, err := ParseSet(flavor, s)
		if err != nil {
			return
		}
		again, err := ParseSet(flavor, set.String())
		if err != nil || !again.Equal(set) || again.String() != set.String() {
			t.Errorf("%q printed as %q, read again as %v (%v)", s, set, again, err)
		}
	})
}

func BenchmarkAddAndText(b *testing.B) {
	s := mustSet(b, MySQL, uuidA+":1-5,"+uuidB+":1")
	a, _ := ParseUUID(uuidA)
	b.ReportAllocs()
	for n := int64(6); b.Loop(); n++ {
		s.Add(GTID{UUID: a, N: n})
		s.Text()
	}
}
