// Goclients calls every method of two Go clients of Kafka Connect's REST API, and every command of a command line client,
// against a worker and prints what each of them says.
//
// usage: goclients go-kafka|cloudhut|PROGRAM URL FILE      FILE has two lines of text, for the file connectors
//
// PROGRAM is the path of go-kafka's command line client.
//
// It is a module of its own, so that what the clients depend on is none of millrace's business. What differs from worker
// to worker by nature (addresses, the commit) is masked, so that the output for one worker can be compared with that for
// another.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"time"
)

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: goclients go-kafka|cloudhut|PROGRAM URL FILE")
		os.Exit(2)
	}
	p := printer{url: os.Args[2], file: os.Args[3]}
	switch os.Args[1] {
	case "go-kafka":
		p.goKafka()
	case "cloudhut":
		p.cloudhut()
	default:
		p.commandLine(os.Args[1])
	}
}

// printer prints one line a call.
type printer struct{ url, file string }

var (
	address = regexp.MustCompile(`127\.0\.0\.1:\d+`)
	commit  = regexp.MustCompile(`"commit":"\w+"`)
)

func (p printer) say(what string, value any, err error) {
	text := ""
	if err != nil {
		text = "error: " + err.Error()
	} else {
		b, err := json.Marshal(value)
		if err != nil {
			p.fail("%s: %v", what, err)
		}
		text = string(b)
	}
	text = strings.NewReplacer(p.url, "URL", p.file, "FILE").Replace(text)
	fmt.Printf("%s: %s\n", what, commit.ReplaceAllString(address.ReplaceAllString(text, "WORKER"), `"commit":"COMMIT"`))
}

func (printer) fail(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
	os.Exit(1)
}

// until waits for what comes some time after a request.
func (p printer) until(what string, holds func() bool) {
	for deadline := time.Now().Add(time.Minute); !holds(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			p.fail("waited in vain: %s", what)
		}
	}
}

func (p printer) source(topic string, more ...string) map[string]string {
	c := map[string]string{"connector.class": "FileStreamSource", "tasks.max": "1", "file": p.file, "topic": topic}
	for i := 0; i < len(more); i += 2 {
		c[more[i]] = more[i+1]
	}
	return c
}
