// Package integration is the project's proving ground: tests that cross packages, processes and machines.
//
// The folders below it install peers (install, setup), start them (peer, rig), compare workers with Java Connect
// (oracle), measure (bench) and show the program to a newcomer (quickstart). Test files carry one of these build tags:
//
//   - none: Go alone is enough, and the embedded broker
//   - servers: MySQL, MariaDB and millrace workers; any package may have such tests
//   - real: Apache Kafka, Java workers and other people's clients; integration/real, and tests of other packages whose names tell what they
//     run on (ApacheKafka, JavaWorker)
package integration
