package jsonconv

// The forms in which Jackson writes values, for other converters of JSON.

// AppendString appends s as a JSON string with Jackson's escapes.
func AppendString(dst []byte, s string) []byte { return appendString(dst, s) }

// AppendBase64 appends b as a JSON string in base64.
func AppendBase64(dst, b []byte) []byte { return appendBase64(dst, b) }

// AppendFloat64 appends a number; what is not finite is a string.
func AppendFloat64(dst []byte, f float64) []byte { return appendFloat64(dst, f) }

// AppendFloat32 is AppendFloat64 for single precision.
func AppendFloat32(dst []byte, f float32) []byte { return appendFloat32(dst, f) }
