package budget

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// twin is the rule written down naively: it knows all accounts and adds them up anew.
type twin struct {
	limit int
	least []int
	most  []int
	used  []int
}

func (t *twin) may(i, n int) bool {
	free := t.limit
	for _, u := range t.used {
		free -= u
	}
	want := t.used[i] + n
	if want <= t.least[i] {
		return true
	}
	return want <= t.most[i] && want <= free
}

func TestAgreesWithTwin(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for range 300 {
		b := New(r.IntN(2000))
		tw := &twin{limit: b.Limit()}
		var accounts []*Account
		for range 1 + r.IntN(8) {
			least := r.IntN(100)
			most := least + r.IntN(1000)
			accounts = append(accounts, b.Account(least, most))
			tw.least, tw.most, tw.used = append(tw.least, least), append(tw.most, most), append(tw.used, 0)
		}
		for range 300 {
			i := r.IntN(len(accounts))
			a, n := accounts[i], r.IntN(150)
			switch r.IntN(10) {
			case 0, 1, 2, 3, 4:
				want := tw.may(i, n)
				if got := a.Try(n); got != want {
					t.Fatalf("Try(%d) of account %d: %v, %+v", n, i, got, tw)
				}
				if want {
					tw.used[i] += n
				}
			case 5:
				want := tw.may(i, n)
				if got := a.Take(n); got != want {
					t.Fatalf("Take(%d) of account %d: %v, %+v", n, i, got, tw)
				}
				tw.used[i] += n
			case 6:
				a.Close()
				tw.used[i] = 0
			default:
				n = min(n, tw.used[i])
				a.Give(n)
				tw.used[i] -= n
			}
			all := 0
			for j, a := range accounts {
				if a.Used() != tw.used[j] {
					t.Fatalf("account %d holds %d, want %d", j, a.Used(), tw.used[j])
				}
				all += tw.used[j]
			}
			if b.Used() != all {
				t.Fatalf("the budget says %d, its accounts hold %d", b.Used(), all)
			}
		}
	}
}

// greedy takes pieces as long as it gets them, and then gives back the oldest one, as a
// producer does whose batches are acknowledged in turn.
type greedy struct {
	*Account
	held []int
}

func (g *greedy) turn(piece int) {
	for g.Try(piece) {
		g.held = append(g.held, piece)
	}
	if len(g.held) > 0 {
		g.Give(g.held[0])
		g.held = g.held[1:]
	}
}

// However many are greedy, and whoever came first: the limit holds but for the least
// amounts, all come to about the same share, and who comes last gets one as well.
func TestSharesBecomeEqual(t *testing.T) {
	const limit, piece, least = 32 << 20, 64 << 10, 64 << 10
	for _, users := range []int{1, 2, 10, 50, 200} {
		b := New(limit)
		var all []*greedy
		for n := range users {
			all = append(all, &greedy{Account: b.Account(least, limit)})
			for range 400 {
				all[n].turn(piece) // those who are there fill what they may before the next one comes
			}
		}
		for range 400 {
			for _, g := range all {
				g.turn(piece)
				if used := b.Used(); used > limit+users*least {
					t.Fatalf("%d users hold %d of %d bytes", users, used, limit)
				}
			}
		}
		share := limit / (users + 1)
		for i, g := range all {
			used := g.Used() + piece // the piece that it gave back last
			if used < max(share/2, least) || used > max(2*share, share+2*piece) {
				t.Errorf("user %d of %d holds %d bytes, an equal share is %d", i, users, used, share)
			}
		}
	}
}

// What others hold, and never give back, keeps nobody from its least.
func TestNobodyStarves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(1000)
		hog := b.Account(100, 5000)
		hog.Take(4000)
		if hog.Try(1) {
			t.Error("got more than there is")
		}
		a := b.Account(100, 1000)
		for range 10 {
			if err := a.Wait(t.Context(), 100); err != nil {
				t.Fatal(err)
			}
			if !a.Try(60) || !a.Try(40) || a.Try(1) {
				t.Fatal("the least is not what it is")
			}
			time.AfterFunc(time.Second, func() { a.Give(100) })
		}
	})
}

func TestWaitEndsWithItsOwnMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(1000)
		a := b.Account(100, 1000)
		if !a.Try(500) || a.Try(1) {
			t.Fatal("half of the budget is what one may have")
		}
		began := time.Now()
		time.AfterFunc(time.Second, func() { a.Give(50) }) // not enough
		time.AfterFunc(2*time.Second, func() { a.Give(50) })
		if err := a.Wait(t.Context(), 150); err != nil || time.Since(began) != 2*time.Second {
			t.Fatalf("waited %s: %v", time.Since(began), err)
		}
	})
}

func TestWaitEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(1000)
		a := b.Account(100, 1000)
		a.Take(600)
		gone := errors.New("gone")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(gone) })
		if err := a.Wait(ctx, 100); !errors.Is(err, gone) {
			t.Fatalf("got %v", err)
		}
		a.Close()
		if b.Used() != 0 {
			t.Fatalf("%d bytes are still held", b.Used())
		}
	})
}

// Many at once, each waiting for nothing but its own memory: all of them come to an end.
func TestManyWaitAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const users, pieces, piece = 100, 50, 100
		b := New(20 * piece)
		var all sync.WaitGroup
		for range users {
			all.Go(func() {
				a := b.Account(piece, 10*piece)
				defer a.Close()
				for range pieces {
					if err := a.Wait(t.Context(), piece); err != nil {
						t.Error(err)
						return
					}
					a.Take(piece)
					time.AfterFunc(time.Millisecond, func() { a.Give(piece) })
					if used := b.Used(); used > b.Limit()+users*piece {
						t.Errorf("%d bytes are held", used)
					}
				}
				for a.Used() > 0 {
					<-a.Freed()
				}
			})
		}
		all.Wait()
		if b.Used() != 0 {
			t.Errorf("%d bytes are still held", b.Used())
		}
	})
}
