package table

import "strings"

// Charset is one character set of the server.
type Charset struct {
	Name             string
	DefaultCollation string
	MaxBytes         int // per character
}

// FindCharset looks a charset up by name, in any case; "utf8" is utf8mb3.
func FindCharset(name string) (Charset, bool) {
	name = strings.ToLower(name)
	if name == "utf8" {
		name = "utf8mb3"
	}
	for _, c := range charsets() {
		if c.Name == name {
			return c, true
		}
	}
	return Charset{}, false
}

// CharsetOfCollation finds the charset that a collation belongs to: MySQL
// names collations after their charset. "" when there is no such charset, as
// for MariaDB's collations that go with any Unicode charset ("uca1400_ai_ci").
func CharsetOfCollation(collation string) string {
	collation = strings.ToLower(collation)
	prefix, _, _ := strings.Cut(collation, "_")
	if c, ok := FindCharset(prefix); ok {
		return c.Name
	}
	return ""
}

// charsets is what SHOW CHARACTER SET answers in MySQL 9, which knows all those
// of MariaDB.
func charsets() [41]Charset {
	return [...]Charset{
		{"utf8mb4", "utf8mb4_0900_ai_ci", 4}, {"latin1", "latin1_swedish_ci", 1}, {"utf8mb3", "utf8mb3_general_ci", 3},
		{"ascii", "ascii_general_ci", 1}, {"binary", "binary", 1}, {"armscii8", "armscii8_general_ci", 1},
		{"big5", "big5_chinese_ci", 2}, {"cp1250", "cp1250_general_ci", 1}, {"cp1251", "cp1251_general_ci", 1},
		{"cp1256", "cp1256_general_ci", 1}, {"cp1257", "cp1257_general_ci", 1}, {"cp850", "cp850_general_ci", 1},
		{"cp852", "cp852_general_ci", 1}, {"cp866", "cp866_general_ci", 1}, {"cp932", "cp932_japanese_ci", 2},
		{"dec8", "dec8_swedish_ci", 1}, {"eucjpms", "eucjpms_japanese_ci", 3}, {"euckr", "euckr_korean_ci", 2},
		{"gb18030", "gb18030_chinese_ci", 4}, {"gb2312", "gb2312_chinese_ci", 2}, {"gbk", "gbk_chinese_ci", 2},
		{"geostd8", "geostd8_general_ci", 1}, {"greek", "greek_general_ci", 1}, {"hebrew", "hebrew_general_ci", 1},
		{"hp8", "hp8_english_ci", 1}, {"keybcs2", "keybcs2_general_ci", 1}, {"koi8r", "koi8r_general_ci", 1},
		{"koi8u", "koi8u_general_ci", 1}, {"latin2", "latin2_general_ci", 1}, {"latin5", "latin5_turkish_ci", 1},
		{"latin7", "latin7_general_ci", 1}, {"macce", "macce_general_ci", 1}, {"macroman", "macroman_general_ci", 1},
		{"sjis", "sjis_japanese_ci", 2}, {"swe7", "swe7_swedish_ci", 1}, {"tis620", "tis620_thai_ci", 1},
		{"ucs2", "ucs2_general_ci", 2}, {"ujis", "ujis_japanese_ci", 3}, {"utf16", "utf16_general_ci", 4},
		{"utf16le", "utf16le_general_ci", 4}, {"utf32", "utf32_general_ci", 4},
	}
}
