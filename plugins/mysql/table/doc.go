// Package table holds the model that DDL builds and row events are read with:
// tables, their columns, the character sets that decide how bytes become text,
// and the filters that say which tables matter.
//
// A [Table] is immutable once it has been put into a [Catalog]: whoever wants
// to change one takes a [Table.Clone], changes that and puts it back. A *Table
// is therefore the identity of one DDL version, and compiled plans may be kept
// by pointer.
package table
