// Package real holds the tests that need Apache Kafka, Java Connect workers or other people's clients. They carry the
// build tag real; `make test-real` installs what they need and runs them.
package real
