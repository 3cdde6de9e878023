package value

// DecimalMode is decimal.handling.mode.
type DecimalMode uint8

// The modes of decimal.handling.mode.
const (
	DecimalPrecise DecimalMode = iota
	DecimalString
	DecimalDouble
)

// TimeMode is time.precision.mode.
type TimeMode uint8

// The modes of time.precision.mode.
const (
	TimeAdaptiveMicros TimeMode = iota // adaptive_time_microseconds
	TimeAdaptive                       // adaptive; Debezium refuses it for MySQL since 2.0
	TimeConnect                        // connect
	TimeISO                            // isostring
	TimeMicros                         // microseconds
	TimeNanos                          // nanoseconds
)

// BigintMode is bigint.unsigned.handling.mode.
type BigintMode uint8

// The modes of bigint.unsigned.handling.mode.
const (
	BigintLong BigintMode = iota
	BigintPrecise
)

// BinaryMode is binary.handling.mode.
type BinaryMode uint8

// The modes of binary.handling.mode.
const (
	BinaryBytes BinaryMode = iota
	BinaryBase64
	BinaryBase64URL
	BinaryHex
)

// Options says how cells become values. The zero Options are Debezium's
// defaults, except that AdjustYears (enable.time.adjuster) defaults to true there.
type Options struct {
	Decimal        DecimalMode
	Time           TimeMode
	BigintUnsigned BigintMode
	Binary         BinaryMode
	// AdjustYears is enable.time.adjuster: years 0-69 are 2000-2069, 70-99 are 1970-1999.
	AdjustYears bool
	// Unavailable is unavailable.value.placeholder: what a text, binary or JSON
	// column becomes that is not in a row image.
	Unavailable string
	// MariaDB chooses the MariaDB connector's types (UUID, INET) and defaults.
	MariaDB bool
	// OnError is event.converting.failure.handling.mode.
	OnError ErrorMode
	// Warn is told about values that could not be converted, except with
	// ErrorSkip; nil drops the message.
	Warn func(err error)
	// Mappers are tried in order; the first that matches a column is applied to it.
	Mappers []Mapper
	// Custom are the converters of the property converters; the first that
	// accepts a column replaces its built-in one.
	Custom []Custom
}

// ErrorMode is event.converting.failure.handling.mode: what to do with a value
// that cannot be converted.
type ErrorMode uint8

// The modes of event.converting.failure.handling.mode.
const (
	ErrorWarn ErrorMode = iota // log and use null
	ErrorFail                  // stop
	ErrorSkip                  // use null
)
