// Command record plays the cases of golden files on the Java converters again.
//
//	go run ./integration/parity/record [-cp CLASSPATH] integration/parity/golden/*.jsonl
//	go run ./integration/parity/record -random 20 -class C [-config a=b,c=d] FILE.jsonl
//	go run ./integration/parity/record -line 7 -differs "why" FILE.jsonl
//
// The second form adds random cases to a file before it records. Confluent's
// converters have to be in -cp.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/millrace/millrace/integration/parity"
)

func main() {
	cp := flag.String("cp", "", "further jars and directories for Java")
	random := flag.Int("random", 0, "how many random cases to add")
	first := flag.Uint64("seed", 1, "the first seed of random cases")
	class := flag.String("class", "", "the Java class of random cases")
	config := flag.String("config", "", "properties of random cases, as a=b,c=d")
	line := flag.Int("line", 0, "the case of -differs, from 1")
	differs := flag.String("differs", "", "why Millrace's answer to one case is another: it is kept beside Java's")
	flag.Parse()
	for _, path := range flag.Args() {
		if *differs != "" {
			if err := keepOwn(path, *line, *differs); err != nil {
				fmt.Fprintf(os.Stderr, "%s: %v\n", path, err)
				os.Exit(1)
			}
			continue
		}
		if err := record(path, *cp, *random, *first, *class, *config); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", path, err)
			os.Exit(1)
		}
	}
}

func keepOwn(path string, line int, why string) error {
	cases, err := parity.Read(path)
	if err != nil {
		return err
	}
	if line < 1 || line > len(cases) {
		return fmt.Errorf("no case %d", line)
	}
	c := &cases[line-1]
	own, err := parity.Play(*c)
	if err != nil {
		return err
	}
	c.Differs, c.Own = why, &own
	text, err := parity.Format(cases)
	if err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o644)
}

func record(path, cp string, random int, first uint64, class, config string) error {
	cases, err := parity.Read(path)
	if err != nil && (random == 0 || !os.IsNotExist(err)) {
		return err
	}
	if random > 0 {
		props := map[string]string{}
		for _, pair := range strings.Split(config, ",") {
			if k, v, ok := strings.Cut(pair, "="); ok {
				props[k] = v
			}
		}
		more, err := parity.Random(class, props, first, random, nil)
		if err != nil {
			return err
		}
		cases = append(cases, more...)
	}
	answered, err := parity.Record(context.Background(), cases, cp)
	if err != nil {
		return err
	}
	text, err := parity.Format(answered)
	if err != nil {
		return err
	}
	fmt.Printf("%s: %d cases\n", path, len(answered))
	return os.WriteFile(path, text, 0o644)
}
