// Package heal proves with worker processes that failed tasks heal themselves
// when the worker's properties say so.
package heal
