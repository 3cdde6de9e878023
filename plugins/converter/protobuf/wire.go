package protobuf

import (
	"encoding/binary"
	"errors"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// appendIndexes writes which message of a file the payload is.
func appendIndexes(dst []byte, indexes []int) []byte {
	if len(indexes) == 1 && indexes[0] == 0 {
		return append(dst, 0)
	}
	dst = binary.AppendVarint(dst, int64(len(indexes)))
	for _, i := range indexes {
		dst = binary.AppendVarint(dst, int64(i))
	}
	return dst
}

// cutIndexes reads them, and gives the message that they lead to.
func cutIndexes(f protoreflect.FileDescriptor, b []byte) (protoreflect.MessageDescriptor, []byte, error) {
	next := func() (int64, error) {
		i, n := binary.Varint(b)
		if n <= 0 {
			return 0, errors.New("the data ends within the indexes of its message")
		}
		b = b[n:]
		return i, nil
	}
	count, err := next()
	if err != nil {
		return nil, nil, err
	}
	indexes := []int64{0}
	if count != 0 {
		if count < 0 || count > int64(len(b)) {
			return nil, nil, errors.New("the number of message indexes is not possible")
		}
		indexes = make([]int64, count)
		for i := range indexes {
			if indexes[i], err = next(); err != nil {
				return nil, nil, err
			}
		}
	}
	var m protoreflect.MessageDescriptor
	in := f.Messages()
	for _, i := range indexes {
		if i < 0 || i >= int64(in.Len()) {
			return nil, nil, errors.New("the schema has no message of that index")
		}
		m = in.Get(int(i))
		in = m.Messages()
	}
	return m, b, nil
}
