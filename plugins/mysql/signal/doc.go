// Package signal takes orders to a running connector: to snapshot tables, to stop
// or pause that, to write to the log, to change the structure of a table as it is
// known. They come through channels (signal.enabled.channels):
//
//	source      rows inserted into the table signal.data.collection, which the
//	            connector sees as it reads the binlog: not in this package
//	kafka       records of a topic whose key is the connector's topic.prefix
//	file        lines of a file, which is emptied when it has been read
//	in-process  what the worker is given for the connector, which Debezium takes
//	            from programs that embed its engine
//	jmx         does not exist here, and is ignored
//
// The channels run in goroutines of their own and fill a queue; the connector
// takes signals from it between two events of the binlog. A signal that makes no
// sense is logged and left out, as in Debezium: it never stops a connector.
//
// Source: io.debezium.pipeline.signal.
package signal
