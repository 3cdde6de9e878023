// Package budget bounds the memory that many users hold together, such as the
// tasks of a worker, and shares it among them.
//
// Each user has an Account. It may take memory as long as it holds no more than
// what is left free for all others (the dynamic threshold of shared-memory
// switches, Choudhury and Hahne 1998): a user who is alone may have half of the
// budget, n busy ones have a share of 1/(n+1) each, and who comes later finds
// as much free at once. Nobody's share has to be computed, and nobody is asked to
// give back what he has: who holds more than the others left him gets nothing
// more until he has given back enough.
//
// Every account may have its least, whatever others hold. So who waits waits for
// memory of his own to come back, never for that of others: accounts can neither
// starve nor hold up one another. The budget's limit holds but for these least
// amounts and for what is taken in spite of it, to finish what is half done.
package budget

import (
	"context"
	"sync"
)

// Budget is an amount of memory that accounts share. Its methods, and those of
// all its accounts, may be called from any goroutine.
type Budget struct {
	limit int

	mu   sync.Mutex // guards used, here and in all accounts
	used int
}

// New makes a budget of so many bytes.
func New(limit int) *Budget { return &Budget{limit: limit} }

// Limit is the number of bytes that the accounts share.
func (b *Budget) Limit() int { return b.limit }

// Used is the number of bytes that all accounts hold.
func (b *Budget) Used() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.used
}

// Account is what one user of a budget holds.
type Account struct {
	budget      *Budget
	least, most int
	used        int
	freed       chan struct{} // one slot: memory came back
}

// Account opens an account that may always have least bytes, and never more than most
// unless they are taken in spite of that.
func (b *Budget) Account(least, most int) *Account {
	return &Account{budget: b, least: least, most: most, freed: make(chan struct{}, 1)}
}

// Try takes n bytes, if the account may have them. It succeeds for an account that
// holds nothing, if n is not above its least.
func (a *Account) Try(n int) bool {
	a.budget.mu.Lock()
	defer a.budget.mu.Unlock()
	if !a.may(n) {
		return false
	}
	a.add(n)
	return true
}

// Take takes n bytes in any case, because what they are for has begun. It reports
// whether the account might have them: if not, its user should come to an end.
func (a *Account) Take(n int) bool {
	a.budget.mu.Lock()
	defer a.budget.mu.Unlock()
	ok := a.may(n)
	a.add(n)
	return ok
}

// Give gives n bytes back.
func (a *Account) Give(n int) {
	a.budget.mu.Lock()
	a.add(-n)
	a.budget.mu.Unlock()
	select {
	case a.freed <- struct{}{}:
	default:
	}
}

// Close gives back all that the account still holds. Nothing follows.
func (a *Account) Close() { a.Give(a.Used()) }

// Freed has a value when memory has come back since it was last taken from.
func (a *Account) Freed() <-chan struct{} { return a.freed }

// Wait returns when n bytes, no more than the account's least, may be taken. That is
// at once where it holds nothing; otherwise others of its users have to give back
// what they hold. One goroutine may wait.
func (a *Account) Wait(ctx context.Context, n int) error {
	for !a.room(n) {
		select {
		case <-a.freed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// Used is the number of bytes that the account holds.
func (a *Account) Used() int {
	a.budget.mu.Lock()
	defer a.budget.mu.Unlock()
	return a.used
}

func (a *Account) room(n int) bool {
	a.budget.mu.Lock()
	defer a.budget.mu.Unlock()
	return a.may(n)
}

// may is the rule: no more than is free, and in any case the least.
func (a *Account) may(n int) bool {
	want := a.used + n
	return want <= a.least || want <= a.most && want <= a.budget.limit-a.budget.used
}

func (a *Account) add(n int) {
	a.used += n
	a.budget.used += n
}
