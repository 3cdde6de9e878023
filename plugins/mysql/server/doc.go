// Package server connects to MySQL and MariaDB servers, for queries and for the
// binlog, and finds out what a connector must know about a server before it
// starts: flavor, variables, privileges, where the binlog stands.
//
// go-mysql's client does the handshake: capabilities, authentication, TLS. After
// it this package reads and writes the connection itself: packets stand in one
// reusable buffer, and rows and events are handed out in place.
//
// A Conn belongs to one goroutine.
package server
