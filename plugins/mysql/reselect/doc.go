// Package reselect reads columns of changed rows again, as the post processor
// io.debezium.processors.reselect.ReselectColumnsPostProcessor does: columns that
// are null, or that the row image left out. What it gets is the row as it is now,
// which may be newer than the event.
package reselect
