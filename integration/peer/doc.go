// Package peer starts the programs that millrace talks to, and millrace itself, as child processes on this machine:
// Apache Kafka, MySQL, MariaDB, Java Connect workers and millrace workers.
//
// Every peer listens on 127.0.0.1, keeps its data and its log below a directory of its own and is ended by its process
// id, never by name. A start returns when the peer answers a client, or with the end of its log. Kill ends a peer as a
// power cut would, Stop as an operator would, and Restart brings it back on the same port with the same data. Should the
// starting program itself be killed, the kernel kills its peers (on Linux).
//
// Package rig wraps this for tests; the quickstart and the benchmarks use it directly.
package peer
