//go:build !linux

package main

import "runtime/debug"

// trimMemory gives back the heap's free memory.
func trimMemory() error {
	debug.FreeOSMemory()
	return nil
}
