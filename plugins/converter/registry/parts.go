package registry

// maxParts bounds the schema that is made of one of the registry. A short text can
// describe an endless one, or one that doubles with each name that it uses.
const maxParts = 100_000

// Parts counts the fields and inner schemas of one that is being made.
type Parts int

// Add counts one more; the error says that there are too many.
func (p *Parts) Add() error {
	if *p++; *p > maxParts {
		return dataError("the schema has more than %d parts once the names in it are replaced by what they stand for", maxParts)
	}
	return nil
}
