// Package hotpath follows change events of MySQL through a real worker, from the row image of the binlog to the
// acknowledgement of the broker, without a database: its tests hold that no way through the worker allocates more for a
// row than it may, and its benchmarks show what each costs.
//
//	go test ./integration/hotpath
//	go test ./integration/hotpath -run '^$' -bench . -benchtime 500000x
package hotpath
