package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"testing"
	"time"
)

// The end of a terminal ends a worker in good order, as the other signals do, and
// under nohup it does not end it at all.
func TestEndings(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGHUP, syscall.SIGTERM, syscall.SIGINT} {
		ctx, stop := signal.NotifyContext(t.Context(), endings()...)
		own, err := os.FindProcess(os.Getpid())
		if err == nil {
			err = own.Signal(s)
		}
		if err != nil {
			t.Fatal(err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(20 * time.Second):
			t.Errorf("%v does not end a worker", s)
		}
		stop()
	}
	signal.Ignore(syscall.SIGHUP)
	defer signal.Reset(syscall.SIGHUP)
	ctx, stop := signal.NotifyContext(context.Background(), endings()...)
	defer stop()
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	select {
	case <-ctx.Done():
		t.Error("the end of the terminal ends a worker under nohup")
	case <-time.After(50 * time.Millisecond):
	}
}
