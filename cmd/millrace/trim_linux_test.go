package main

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

// TestTrimmingGivesPagesBack drops the pages of the test's own program, and then goes on in it.
func TestTrimmingGivesPagesBack(t *testing.T) {
	before := resident(t)
	if err := trimMemory(); err != nil {
		t.Fatal(err)
	}
	after := resident(t)
	t.Logf("pages of files: %d kB, then %d kB", before, after)
	if after > before*3/4 {
		t.Errorf("of %d kB of files, %d kB are still there", before, after)
	}
}

// resident is how much of files is in the process's memory, in kB.
func resident(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "RssFile:")
	kB, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	return kB
}

func TestOnlyPagesThatAreAsInTheFileAreGivenBack(t *testing.T) {
	const file = "/usr/bin/millrace"
	for line, want := range map[string]bool{
		"00400000-01a88000 r-xp 00000000 fe:00 10716558                           /usr/bin/millrace":           true,
		"01a88000-03215000 r--p 01688000 fe:00 10716558                           /usr/bin/millrace":           true,
		"03215000-034c9000 rw-p 02e15000 fe:00 10716558                           /usr/bin/millrace":           false,
		"7f0000000000-7f0000001000 r-xp 00000000 fe:00 1                          /usr/lib/libc.so":            false,
		"7f0000000000-7f0000001000 r-xp 00000000 fe:00 1                          /usr/bin/millrace (deleted)": false,
		"2178c8c00000-2178c9400000 r--p 00000000 00:00 0 ":                                                     false,
		"": false,
	} {
		from, to, ok := unchanging(line, file)
		if ok != want || ok && (from >= to || from == 0) {
			t.Errorf("%q: %x-%x, %v", line, from, to, ok)
		}
	}
}
