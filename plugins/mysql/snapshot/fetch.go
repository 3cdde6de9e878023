package snapshot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/millrace/millrace/plugins/mysql/chunk"
	"github.com/millrace/millrace/plugins/mysql/server"
)

// fetch reads the rows of tables over several connections at once and hands them
// on in order: table by table, and each table in the order of its key. A piece
// is read by one connection; the next pieces are read ahead, as far as their
// buffers hold, so that memory stays within bounds whatever the rows are.
//
//	connection -> piece.blocks --\
//	connection -> piece.blocks ---> pieces, in order -> the goroutine that fills batches
//	connection -> piece.blocks --/
//
// Every connection belongs to one goroutine until wait has returned. They plan in
// turn: who holds the plan cuts the next piece, and puts it in line before it
// lets go of the plan.
type fetch struct {
	ctx    context.Context
	cancel context.CancelFunc
	plan   chan *plan // holds the one plan
	pieces chan *piece
	free   chan *block // whose rows are records by now, for their memory
	ahead  int         // blocks of a piece that wait for their turn
	work   sync.WaitGroup
}

// A connection that reads alone need not be far ahead of what is made of its rows; one
// of several has a piece at hand when its turn comes.
const (
	pieceRows   = 10_000   // rows of a piece
	blockBytes  = 64 << 10 // rows are handed on in blocks of about this size
	aheadAlone  = 2
	aheadOthers = 16
)

// plan is what is left to cut into pieces.
type plan struct {
	jobs  []*job
	after chunk.Key // where the next piece of the first job begins
	begun bool      // a piece of the first job was cut
	split bool      // cut tables, because more than one connection reads
}

// piece is a part of a table, or all of it.
type piece struct {
	job         *job
	after, upTo chunk.Key
	first, last bool
	// Complete once the first block has come, or blocks is closed.
	columns []server.Column
	at      time.Time // the server's clock; of first pieces alone

	blocks chan *block
	err    error // valid once blocks is closed
}

// block holds rows, one after the other.
type block struct {
	data []byte
	ends []int
}

// spare is an empty block.
func (f *fetch) spare() *block {
	select {
	case b := <-f.free:
		b.data, b.ends = b.data[:0], b.ends[:0]
		return b
	default:
		return &block{data: make([]byte, 0, blockBytes+blockBytes/8)}
	}
}

// release takes back a block that nobody looks at any more, unless it has grown for
// a huge row.
func (f *fetch) release(b *block) {
	if b == nil || cap(b.data) > 2*blockBytes {
		return
	}
	select {
	case f.free <- b:
	default:
	}
}

func (b *block) add(row []byte) {
	b.data = append(b.data, row...)
	b.ends = append(b.ends, len(b.data))
}

// row is row i.
func (b *block) row(i int) []byte {
	begin := 0
	if i > 0 {
		begin = b.ends[i-1]
	}
	return b.data[begin:b.ends[i]:b.ends[i]]
}

// newFetch prepares for so many connections.
func newFetch(conns int) *fetch {
	f := &fetch{ahead: aheadAlone, plan: make(chan *plan, 1), pieces: make(chan *piece, conns)}
	if conns > 1 {
		f.ahead = aheadOthers
	}
	// Room for every block that there can be, also when the reader is the faster one: of
	// conns pieces in line and the one that is read, of each connection one that it
	// fills, and three that the reader looks at. What is dropped is made anew later.
	f.free = make(chan *block, (conns+1)*f.ahead+conns+3)
	f.ctx, f.cancel = context.WithCancel(context.Background())
	return f
}

// startFetch begins to read. whole keeps tables in one piece.
func startFetch(conns []*server.Conn, jobs []*job, whole bool) *fetch {
	f := newFetch(len(conns))
	f.plan <- &plan{jobs: jobs, split: len(conns) > 1 && !whole}
	for _, c := range conns {
		f.work.Go(func() { f.run(c) })
	}
	go func() {
		f.work.Wait()
		close(f.pieces)
	}()
	return f
}

// stop ends reading; afterwards the connections are free, though in the middle of
// a result if not all was read.
func (f *fetch) stop() {
	f.cancel()
	f.work.Wait()
}

// run reads pieces until none is left or one fails.
func (f *fetch) run(conn *server.Conn) {
	for {
		p := f.next(conn)
		if p == nil {
			return
		}
		err := p.read(f, conn)
		p.err = err
		close(p.blocks)
		if err != nil {
			return
		}
	}
}

// next takes the plan, cuts a piece off and puts it in line. It returns nil at
// the end.
func (f *fetch) next(conn *server.Conn) *piece {
	var pl *plan
	select {
	case pl = <-f.plan:
	case <-f.ctx.Done():
		return nil
	}
	defer func() { f.plan <- pl }()
	if len(pl.jobs) == 0 {
		return nil
	}
	p, err := pl.cut(f.ctx, conn, f.ahead)
	if err != nil { // it goes in line as well: rows before it are handed on
		pl.jobs = nil
		p.err = err
		close(p.blocks)
	}
	select {
	case f.pieces <- p:
	case <-f.ctx.Done():
		return nil
	}
	if err != nil {
		return nil
	}
	return p
}

// cut cuts off the next piece.
func (pl *plan) cut(ctx context.Context, conn *server.Conn, ahead int) (*piece, error) {
	j := pl.jobs[0]
	p := &piece{job: j, first: !pl.begun, last: true, blocks: make(chan *block, ahead)}
	if !pl.begun {
		pl.after = j.after
	}
	p.after = pl.after
	if j.keyed() && pl.split {
		upTo, err := boundary(ctx, conn, &j.chunks, pl.after, j.size)
		if err != nil {
			return p, fmt.Errorf("cutting table %s into pieces: %w", j.table.ID, err)
		}
		if upTo != nil {
			p.upTo, p.last = upTo, false
		}
	}
	pl.after, pl.begun = p.upTo, !p.last
	if p.last {
		pl.jobs = pl.jobs[1:]
	}
	return p, nil
}

// boundary is the key of the last row of a piece of size rows, nil when fewer are left.
func boundary(ctx context.Context, conn *server.Conn, t *chunk.Table, after chunk.Key, size int) (chunk.Key, error) {
	statement, err := t.Boundary(after, nil, size)
	if err != nil {
		return nil, err
	}
	rows, err := conn.All(ctx, statement)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	key := make(chunk.Key, len(rows[0]))
	for i, v := range rows[0] {
		key[i] = chunk.Value{Text: v.String, Null: v.Null}
	}
	return key, nil
}

// read reads the piece and sends its blocks.
func (p *piece) read(f *fetch, conn *server.Conn) (err error) {
	ctx := f.ctx
	defer func() {
		if err != nil {
			err = fmt.Errorf("reading table %s: %w", p.job.table.ID, err)
		}
	}()
	if p.first {
		if p.at, err = serverTime(ctx, conn); err != nil {
			return err
		}
	}
	statement := p.job.statement
	if p.job.keyed() {
		if statement, err = p.job.chunks.Next(p.after, p.upTo, 0); err != nil {
			return err
		}
	}
	rows, err := conn.Query(ctx, statement)
	if err != nil {
		return err
	}
	p.columns = rows.Columns
	return p.send(f, rows)
}

func (p *piece) send(f *fetch, rows *server.Rows) error {
	b := f.spare()
	flush := func() error {
		select {
		case p.blocks <- b:
			b = f.spare()
			return nil
		case <-f.ctx.Done():
			return context.Cause(f.ctx)
		}
	}
	for {
		row, err := rows.Next(f.ctx)
		if errors.Is(err, io.EOF) {
			if len(b.ends) == 0 {
				return nil
			}
			return flush()
		}
		if err != nil {
			return err
		}
		b.add(row)
		// A slow server's rows are handed on as they come.
		if len(b.data) >= blockBytes || len(p.blocks) == 0 && !rows.Buffered() {
			if err := flush(); err != nil {
				return err
			}
		}
	}
}

// serverTime is the server's clock, to the second: the time of all rows of a table.
func serverTime(ctx context.Context, conn *server.Conn) (time.Time, error) {
	rows, err := conn.All(ctx, "SELECT CURRENT_TIMESTAMP")
	if err != nil {
		return time.Time{}, fmt.Errorf("reading the server's time: %w", err)
	}
	if len(rows) != 1 || len(rows[0]) != 1 {
		return time.Time{}, errors.New("reading the server's time: no row came back")
	}
	t, err := time.Parse(time.DateTime, rows[0][0].String)
	if err != nil {
		return time.Time{}, fmt.Errorf("reading the server's time: %w", err)
	}
	return t, nil
}
