package main

import (
	"context"
	"fmt"
	"io"
	"runtime/debug"
)

// Releases that Millrace's answers and records are those of.
const (
	connectVersion  = "4.3.1"       // Kafka Connect: REST API, group protocol, internal topics
	debeziumVersion = "3.6.1.Final" // the MySQL connector's configuration and records
)

// millraceVersion is set by the linker in releases.
var millraceVersion = "development"

// commit is the revision that the binary was built from, "unknown" outside a checkout.
func commit() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return "unknown"
}

func runVersion(_ context.Context, _ []string, out io.Writer) error {
	_, err := fmt.Fprintf(out, "millrace %s (commit %s), speaks Kafka Connect %s and Debezium %s\n", millraceVersion, commit(), connectVersion, debeziumVersion)
	return err
}
