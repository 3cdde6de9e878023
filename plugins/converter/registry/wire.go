package registry

import (
	"encoding/binary"
	"errors"
)

// headerSize is the size of the magic byte and the schema's id.
const headerSize = 5

// AppendID appends the magic byte and a schema's id.
func AppendID(dst []byte, id int) []byte {
	return binary.BigEndian.AppendUint32(append(dst, 0), uint32(id))
}

// CutID cuts the magic byte and the id off a serialised key or value.
func CutID(b []byte) (id int, payload []byte, err error) {
	switch {
	case len(b) == 0 || b[0] != 0:
		return 0, nil, errors.New("Unknown magic byte! The data was not written with a schema of the registry")
	case len(b) < headerSize:
		return 0, nil, errors.New("the data ends within the id of its schema")
	}
	return int(int32(binary.BigEndian.Uint32(b[1:]))), b[headerSize:], nil
}
