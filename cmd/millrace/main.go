// Command millrace is a Kafka Connect worker.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"
)

// command is one subcommand. run returns when its work is done or ctx ends.
type command struct {
	name, args, summary string
	run                 func(ctx context.Context, args []string, out io.Writer) error
}

func commands() []command {
	return []command{
		{"distributed", "[FILE]", "run a worker of a cluster from a Java worker properties file, or from CONNECT_* variables", runDistributed},
		{"standalone", "FILE [CONNECTOR_FILE...]", "run a worker without a cluster, with the connectors of properties or JSON files", runStandalone},
		{"dev", "[--data DIR] [--kafka-port N] [--rest-port N]", "run an embedded broker, a worker and its REST API", runDev},
		{"health", "[URL]", "exit 0 when the worker at URL, or of this container, is healthy", runHealth},
		{"version", "", "print the version", runVersion},
	}
}

// errUsage means that the command line was wrong and has been explained.
var errUsage = errors.New("wrong usage")

// endings are the signals that end a worker in good order, as they do a JVM. Under
// nohup, which has SIGHUP ignored, the end of the terminal is none.
func endings(nohup bool) []os.Signal {
	if nohup {
		return []os.Signal{os.Interrupt, syscall.SIGTERM}
	}
	return []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), endings(signal.Ignored(syscall.SIGHUP))...)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	switch {
	case err == nil || errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errUsage):
		os.Exit(2)
	default:
		fmt.Fprintln(os.Stderr, "millrace:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out, errOut io.Writer) error {
	if len(args) == 0 || slices.Contains([]string{"help", "-h", "--help"}, args[0]) {
		usage(out)
		return nil
	}
	for _, c := range commands() {
		if c.name == args[0] {
			err := c.run(ctx, args[1:], out)
			if errors.Is(err, errUsage) {
				fmt.Fprintf(errOut, "usage: millrace %s %s\n", c.name, c.args)
			}
			return err
		}
	}
	fmt.Fprintf(errOut, "millrace: unknown command %q\n", args[0])
	usage(errOut)
	return errUsage
}

func usage(w io.Writer) {
	fmt.Fprintln(w, "usage: millrace COMMAND")
	for _, c := range commands() {
		fmt.Fprintf(w, "  %-12s %-46s %s\n", c.name, c.args, c.summary)
	}
}
