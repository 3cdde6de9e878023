package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// section is what a group has to say in Markdown.
type section struct {
	title string
	text  strings.Builder
}

func (s *section) say(format string, args ...any) { fmt.Fprintf(&s.text, format+"\n", args...) }

// row prints a line of a table.
func (s *section) row(cells ...string) { s.say("| %s |", strings.Join(cells, " | ")) }

// head begins a table.
func (s *section) head(cells ...string) {
	s.say("")
	s.row(cells...)
	s.say("|%s", strings.Repeat(" --- |", len(cells)))
}

// markdown is the whole section, with the machine and the command that it comes from.
func (s *section) markdown(machine, command string, from, to float64) string {
	return fmt.Sprintf("## %s\n\n`%s`\n\nMachine: %s. Load average of the last minute at the beginning %.1f, at the end %.1f.\n\n%s",
		s.title, command, machine, from, to, s.text.String())
}

// rewrite puts a section into a file, in place of the one with the same title, or at its end.
func rewrite(file, title, text string) error {
	old, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.WriteFile(file, []byte(replaceSection(string(old), title, text)), 0o644)
}

func replaceSection(document, title, text string) string {
	text = strings.TrimRight(text, "\n") + "\n"
	head := "## " + title + "\n"
	begin := 0
	if !strings.HasPrefix(document, head) {
		at := strings.Index(document, "\n"+head)
		if at < 0 {
			return strings.TrimLeft(strings.TrimRight(document, "\n")+"\n\n", "\n") + text
		}
		begin = at + 1
	}
	rest := document[begin+len(head):]
	if end := strings.Index(rest, "\n## "); end >= 0 {
		return document[:begin] + text + rest[end:]
	}
	return document[:begin] + text
}

// print prints the results of loads: how fast, and at what cost.
func (l *load) print(s *section) {
	s.say("Method: rows are written once, in transactions of %d, before the runs. In each of %d runs the workers, each started anew "+
		"for its turn and warmed up with another table, take all workloads: a new connector copies the table (from the request that creates it to the last "+
		"record in the topic), then a stopped one is set to the place in the binlog before the rows and resumed (from that "+
		"request to the last record). Records are counted in the topics, which have to hold exactly as many as there are "+
		"rows. Properties of workers and connectors are the defaults, but for what a line names and JSON without schemas; "+
		"Java's heap is %s, as in Kafka's scripts. The ceiling is a producer without work: it sends the batches that millrace "+
		"has written once more, ready-made, idempotent with acks=all and five requests on their way, right after millrace's "+
		"turn. Before each measurement the disk takes what the one before has written, and the machine touches 4 GiB of memory, "+
		"so that no measurement pays for another. Figures are medians, with the least and the greatest in brackets.", transaction, l.runs, l.heap)
	s.head("rows/s", "rows", "Java", "Millrace", "times Java", "ceiling", "of the ceiling")
	l.each(func(w workload, phase string) {
		java, mill, ceiling := l.results.of(w.name, phase, "java", rate), l.results.of(w.name, phase, "millrace", rate), l.results.of(w.name, ceilingPhase, "", rate)
		s.row(w.text+", "+phase, number(float64(w.rows(l.options))), java.String(), mill.String(), times(mill, java, "%.1f"), ceiling.String(), times(scale(mill, 100), ceiling, "%.0f %%"))
	})
	s.head("cost", "Java: CPU s per million rows", "Millrace", "Java/Millrace", "Java: peak memory, MiB", "Millrace", "Java/Millrace",
		"Millrace: allocations a row", "CPU s of broker and MySQL per million, Java", "Millrace")
	l.each(func(w workload, phase string) {
		of := func(kind, figure string) series { return l.results.of(w.name, phase, kind, figure) }
		s.row(w.text+", "+phase,
			of("java", cpu).String(), of("millrace", cpu).String(), times(of("java", cpu), of("millrace", cpu), "%.1f"),
			of("java", peakMemory).String(), of("millrace", peakMemory).String(), times(of("java", peakMemory), of("millrace", peakMemory), "%.1f"),
			of("millrace", allocations).String(), others(of, "java"), others(of, "millrace"))
	})
}

func (l *load) each(do func(w workload, phase string)) {
	for _, w := range l.workloads {
		if w.warmup {
			continue
		}
		do(w, snapshotPhase)
		do(w, catchUpPhase)
	}
}

// others is the processor time of the servers.
func others(of func(kind, figure string) series, kind string) string {
	broker, mysql := of(kind, brokerCPU), of(kind, mysqlCPU)
	if len(broker) == 0 {
		return "–"
	}
	return number(broker.median()) + " + " + number(mysql.median())
}

func scale(s series, by float64) series {
	var out series
	for _, v := range s {
		out = append(out, v*by)
	}
	return out
}
