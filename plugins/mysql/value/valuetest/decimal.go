package valuetest

import "strconv"

// digitBytes is the size of 0 to 9 digits in the binary format (strings/decimal.cc).
var digitBytes = [10]int{0, 1, 1, 2, 2, 3, 3, 4, 4, 4}

// Decimal is a DECIMAL as the binlog has it, of all the digits that its column
// has before and after the point.
func Decimal(whole, frac string, neg bool) []byte {
	var out []byte
	group := func(digits string) {
		n, _ := strconv.ParseUint("0"+digits, 10, 64)
		for i := digitBytes[len(digits)] - 1; i >= 0; i-- {
			out = append(out, byte(n>>(8*i)))
		}
	}
	group(whole[:len(whole)%9])
	for i := len(whole) % 9; i < len(whole); i += 9 {
		group(whole[i : i+9])
	}
	for i := 0; i+9 <= len(frac); i += 9 {
		group(frac[i : i+9])
	}
	group(frac[len(frac)/9*9:])
	if neg {
		for i := range out {
			out[i] = ^out[i]
		}
	}
	out[0] ^= 0x80
	return out
}
