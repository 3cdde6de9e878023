package position

import "encoding/binary"

// AppendBinary appends a MySQL set in the form in which a replica sends it to
// the server (Gtid_set::encode). A set with tags has the format byte 1 in the
// first and the last byte of the count.
func (s *Set) AppendBinary(dst []byte) []byte {
	sorted := s.Clone().Sort()
	tagged := false
	for i := range sorted.sources {
		tagged = tagged || sorted.sources[i].tag != ""
	}
	n := uint64(len(sorted.sources))
	if tagged {
		const format = 1
		n = format<<56 | n<<8 | format
	}
	dst = binary.LittleEndian.AppendUint64(dst, n)
	for i := range sorted.sources {
		src := &sorted.sources[i]
		dst = append(dst, src.uuid[:]...)
		if tagged {
			dst = append(append(dst, byte(len(src.tag)<<1)), src.tag...)
		}
		dst = binary.LittleEndian.AppendUint64(dst, uint64(len(src.intervals)))
		for _, in := range src.intervals {
			dst = binary.LittleEndian.AppendUint64(dst, uint64(in.First))
			dst = binary.LittleEndian.AppendUint64(dst, uint64(in.Last)+1)
		}
	}
	return dst
}
