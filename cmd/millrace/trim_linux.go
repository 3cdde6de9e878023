package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"syscall"
)

// trimMemory gives back what only the start has needed: free memory of the heap, and the pages of the program's own file
// that initialising some hundred packages has touched, two thirds of it. What is needed again comes back from the page
// cache, a few hundred faults in all.
func trimMemory() error {
	debug.FreeOSMemory()
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	maps, err := os.Open("/proc/self/maps")
	if err != nil {
		return err
	}
	defer maps.Close()
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		from, to, ok := unchanging(lines.Text(), exe)
		if !ok {
			continue
		}
		if _, _, e := syscall.Syscall(syscall.SYS_MADVISE, from, to-from, syscall.MADV_DONTNEED); e != 0 {
			return fmt.Errorf("giving back pages of %s: %w", exe, e)
		}
	}
	return nil
}

// unchanging cuts the range out of a line of /proc/PID/maps, if it shows code or constants of file: those, unlike
// variables, are in the file as they are in memory.
func unchanging(line, file string) (from, to uintptr, ok bool) {
	fields := strings.SplitN(line, " ", 6)
	if len(fields) < 6 || strings.TrimSpace(fields[5]) != file || fields[1] != "r-xp" && fields[1] != "r--p" {
		return 0, 0, false
	}
	_, err := fmt.Sscanf(fields[0], "%x-%x", &from, &to)
	return from, to, err == nil
}
