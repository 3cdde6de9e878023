package data

// Every byte of these words is the number in its name.
const (
	ones   = 0x0101010101010101
	highs  = 0x80 * ones
	spaces = 0x20 * ones
	quotes = '"' * ones
	slants = '\\' * ones
)

// PlainJSON reports whether the eight bytes of a word are ASCII that stands in a JSON
// string as it is: a byte below n borrows into its high bit when n is taken from it.
func PlainJSON(w uint64) bool {
	return ((w-spaces)|((w^quotes)-ones)|((w^slants)-ones)|w)&highs == 0
}

// JSONEscapes has the high bit of the first of eight bytes that Jackson escapes, the
// first byte being the low one, and none below it: what PlainJSON looks for, but of
// UTF-8 only four bytes for a character, which start with four bits set. A borrow can
// spoil only bytes after one that needs an escape.
func JSONEscapes(w uint64) uint64 {
	q, b := w^quotes, w^slants
	return ((w-spaces)&^w | (q-ones)&^q | (b-ones)&^b | w&(w<<1)&(w<<2)&(w<<3)) & highs
}
