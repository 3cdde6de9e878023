package main

import (
	"context"
	"fmt"
	"io"

	"github.com/millrace/millrace/storage/kafka"
)

// runDistributed runs a worker from a Java worker properties file.
func runDistributed(ctx context.Context, args []string, out io.Writer) error {
	if len(args) != 1 {
		return errUsage
	}
	props, err := kafka.LoadProperties(args[0])
	if err != nil {
		return err
	}
	return runNode(ctx, props, func(url string) { fmt.Fprintf(out, "millrace: REST API at %s\n", url) })
}
