package main

import (
	"os"
	"os/signal"
	"slices"
	"syscall"
	"testing"
	"time"
)

// The end of a terminal ends a worker in good order, as the other signals do, and
// under nohup it does not end it at all. (The test itself may run under nohup.)
func TestEndings(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGHUP, syscall.SIGTERM, syscall.SIGINT} {
		ctx, stop := signal.NotifyContext(t.Context(), endings(false)...)
		if err := syscall.Kill(os.Getpid(), s); err != nil {
			t.Fatal(err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(20 * time.Second):
			t.Errorf("%v does not end a worker", s)
		}
		stop()
	}
	if slices.Contains(endings(true), os.Signal(syscall.SIGHUP)) {
		t.Error("the end of the terminal ends a worker under nohup")
	}
}
