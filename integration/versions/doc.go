// Package versions plays what one asks about plugins of which there are several versions (KIP-891), on any worker that
// has those of this package: Plugins are for Millrace, Jars for Java. testdata holds Java's answers.
//
//	go test -tags real -run JavaWorker ./integration/versions [-args -record]
//
// plays them on a Java worker again.
package versions
