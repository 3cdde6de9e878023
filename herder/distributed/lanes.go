package distributed

import "context"

// lanes run jobs beside the loop: those of one connector or task one after the
// other, all others at the same time. The loop owns them.
type lanes struct {
	ctx  context.Context
	post func(func()) // runs a function on the loop's goroutine
	all  map[item]*lane
	// slots bounds how many jobs that start something run at once.
	slots  chan struct{}
	closed bool // nothing starts any more
}

type lane struct {
	jobs   []job
	cancel context.CancelFunc // ends the job that runs
	starts bool               // the job that runs starts something
}

// job is work on one connector or task.
type job struct {
	starts bool // it starts something: a job that stops the same cuts it short
	stops  bool
	run    func(ctx context.Context)
}

func newLanes(ctx context.Context, post func(func())) *lanes {
	return &lanes{ctx: ctx, post: post, all: map[item]*lane{}, slots: make(chan struct{}, 64)}
}

// add appends a job to a lane.
func (l *lanes) add(it item, j job) {
	if l.closed && j.starts {
		return
	}
	ln := l.all[it]
	if ln == nil {
		ln = &lane{}
		l.all[it] = ln
	}
	if j.stops && ln.starts {
		ln.cancel()
	}
	ln.jobs = append(ln.jobs, j)
	if len(ln.jobs) == 1 {
		l.run(it, ln)
	}
}

// run starts the first job of a lane.
func (l *lanes) run(it item, ln *lane) {
	j := ln.jobs[0]
	var ctx context.Context
	ctx, ln.cancel = context.WithCancel(l.ctx)
	ln.starts = j.starts
	if l.closed && j.starts {
		ln.cancel()
	}
	go func() {
		if j.starts {
			l.slots <- struct{}{}
			defer func() { <-l.slots }()
		}
		j.run(ctx)
		l.post(func() { l.next(it, ln) })
	}()
}

func (l *lanes) next(it item, ln *lane) {
	ln.cancel()
	ln.starts = false
	ln.jobs[0] = job{}
	ln.jobs = ln.jobs[1:]
	if len(ln.jobs) > 0 {
		l.run(it, ln)
		return
	}
	delete(l.all, it)
}

// close ends jobs that start something and lets no further one begin.
func (l *lanes) close() {
	l.closed = true
	for _, ln := range l.all {
		if ln.starts {
			ln.cancel()
		}
	}
}
