package data

// JavaClass is the class that values of a kind have in Java, as error texts of
// Kafka Connect name it; bytes are "[B". Logical types have classes of their
// own there (BigDecimal, Date), which a Value does not know of.
func (k Kind) JavaClass() string {
	switch k {
	case KindBoolean:
		return "java.lang.Boolean"
	case KindInt8:
		return "java.lang.Byte"
	case KindInt16:
		return "java.lang.Short"
	case KindInt32:
		return "java.lang.Integer"
	case KindInt64:
		return "java.lang.Long"
	case KindFloat32:
		return "java.lang.Float"
	case KindFloat64:
		return "java.lang.Double"
	case KindString:
		return "java.lang.String"
	case KindBytes:
		return "[B"
	case KindArray:
		return "java.util.ArrayList"
	case KindMap:
		return "java.util.HashMap"
	case KindStruct:
		return "org.apache.kafka.connect.data.Struct"
	}
	return "null"
}

// JavaClassOf is the class that a value of a schema has in Java: that of a
// logical type's values, or the kind's. The schema may be nil.
func JavaClassOf(s *Schema, v Value) string {
	if s != nil && !v.IsNull() {
		switch s.Logical() {
		case LogicalDecimal:
			return "java.math.BigDecimal"
		case LogicalDate, LogicalTime, LogicalTimestamp:
			return "java.util.Date"
		}
	}
	return v.kind.JavaClass()
}
