package configdef

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Validator checks one parsed value (ConfigDef.Validator).
type Validator interface {
	// Check returns an *Error, or nil when value is good. value is nil when the
	// property has none; values holds the other properties as far as they could
	// be parsed.
	Check(name string, value any, values *Values) error
	// String says what is valid, for the reference: "[0,...]".
	String() string
}

// Error says what is wrong with a property (ConfigException).
type Error struct {
	Name    string
	Message string // whole text, with Java's wording
}

func (e *Error) Error() string { return e.Message }

// Invalid makes the error of a value that does not suit its property.
func Invalid(name string, value any, reason string) *Error {
	return &Error{name, fmt.Sprintf("Invalid value %s for configuration %s: %s", javaText(value), name, reason)}
}

// javaText prints a parsed value as Java's string concatenation does.
func javaText(value any) string {
	switch v := value.(type) {
	case nil:
		return "null"
	case []string:
		return "[" + strings.Join(v, ", ") + "]"
	}
	return FormatValue(value)
}

// ValidatorFunc makes a Validator of a function and the text that describes it.
func ValidatorFunc(describe string, check func(name string, value any, values *Values) error) Validator {
	return funcValidator{describe, check}
}

type funcValidator struct {
	describe string
	check    func(name string, value any, values *Values) error
}

func (f funcValidator) String() string { return f.describe }
func (f funcValidator) Check(name string, value any, values *Values) error {
	return f.check(name, value, values)
}

// simple makes a validator that looks at nothing but the value and gives the
// reason why it is bad, "" when it is good.
func simple(describe string, reason func(value any) string) Validator {
	return ValidatorFunc(describe, func(name string, value any, _ *Values) error {
		if why := reason(value); why != "" {
			return Invalid(name, value, why)
		}
		return nil
	})
}

// Number is a bound of a range.
type Number interface{ ~int | ~int64 | ~float64 }

// AtLeast accepts numbers from min up (Range.atLeast).
func AtLeast[N Number](min N) Validator {
	return simple(fmt.Sprintf("[%v,...]", min), func(value any) string { return below(value, min) })
}

// Between accepts numbers from min to max, both included (Range.between).
func Between[N Number](min, max N) Validator {
	return simple(fmt.Sprintf("[%v,...,%v]", min, max), func(value any) string {
		if why := below(value, min); why != "" {
			return why
		}
		if f, _ := toFloat(value); f > float64(max) {
			return fmt.Sprintf("Value must be no more than %v", max)
		}
		return ""
	})
}

func below[N Number](value any, min N) string {
	f, ok := toFloat(value)
	switch {
	case !ok:
		return "Value must be non-null"
	case f < float64(min):
		return fmt.Sprintf("Value must be at least %v", min)
	}
	return ""
}

func toFloat(value any) (float64, bool) {
	switch v := value.(type) {
	case int16:
		return float64(v), true
	case int32:
		return float64(v), true
	case int64:
		return float64(v), true
	case float64:
		return v, true
	}
	return 0, false
}

// OneOf accepts the given texts (ValidString.in).
func OneOf(valid ...string) Validator {
	list := strings.Join(valid, ", ")
	return simple("["+list+"]", func(value any) string {
		if s, ok := value.(string); ok && slices.Contains(valid, s) {
			return ""
		}
		return "String must be one of: " + list
	})
}

// OneOfFold accepts the given texts in upper or lower case (CaseInsensitiveValidString.in).
func OneOfFold(valid ...string) Validator {
	upper := make([]string, len(valid))
	for i, v := range valid {
		upper[i] = strings.ToUpper(v)
	}
	list := strings.Join(upper, ", ")
	return simple("(case insensitive) ["+list+"]", func(value any) string {
		if s, ok := value.(string); ok && slices.Contains(upper, strings.ToUpper(s)) {
			return ""
		}
		return "String must be one of (case insensitive): " + list
	})
}

// ListOf accepts lists without duplicates whose elements are among the given
// texts; any text is good when none is given (ValidList).
func ListOf(emptyAllowed bool, valid ...string) Validator {
	list := "[" + strings.Join(valid, ", ") + "]"
	each, describe := OneOf(valid...), list
	if len(valid) == 0 {
		each, describe, list = nil, "", "any non-empty value"
	}
	return ValidatorFunc(describe, func(name string, value any, values *Values) error {
		elems, ok := value.([]string)
		switch {
		case !ok:
			return &Error{name, fmt.Sprintf("Configuration '%s' values must not be null.", name)}
		case len(elems) == 0 && !emptyAllowed:
			return &Error{name, fmt.Sprintf("Configuration '%s' must not be empty. Valid values include: %s", name, list)}
		case hasDuplicate(elems):
			return &Error{name, fmt.Sprintf("Configuration '%s' values must not be duplicated.", name)}
		}
		return checkEach(name, elems, each, values)
	})
}

func checkEach(name string, elems []string, each Validator, values *Values) error {
	for _, e := range elems {
		if e == "" {
			return &Error{name, fmt.Sprintf("Configuration '%s' values must not be empty.", name)}
		}
		if each == nil {
			continue
		}
		if err := each.Check(name, e, values); err != nil {
			return err
		}
	}
	return nil
}

func hasDuplicate(elems []string) bool {
	for i, e := range elems {
		if slices.Contains(elems[:i], e) {
			return true
		}
	}
	return false
}

// NonNull refuses null (NonNullValidator).
func NonNull() Validator {
	return simple("non-null string", func(value any) string {
		if value == nil {
			return "entry must be non null"
		}
		return ""
	})
}

// NonEmpty refuses the empty text, not null (NonEmptyString).
func NonEmpty() Validator {
	return simple("non-empty string", func(value any) string {
		if value == "" {
			return "String must be non-empty"
		}
		return ""
	})
}

// NonEmptyList refuses null and the empty list (NonEmptyListValidator of Connect's transforms).
func NonEmptyList() Validator {
	return simple("non-empty list", func(value any) string {
		if elems, _ := value.([]string); len(elems) == 0 {
			return "Empty list"
		}
		return ""
	})
}

// NonEmptyPlain refuses the empty text and control characters, not null
// (NonEmptyStringWithoutControlChars).
func NonEmptyPlain() Validator {
	return simple("non-empty string without ISO control characters", func(value any) string {
		s, ok := value.(string)
		if !ok {
			return ""
		}
		if s == "" {
			return "String may not be empty"
		}
		var found []string
		for _, r := range s {
			if unicode.IsControl(r) {
				found = append(found, strconv.Itoa(int(r)))
			}
		}
		if len(found) == 0 {
			return ""
		}
		return "String may not contain control sequences but had the following ASCII chars: " + strings.Join(found, ", ")
	})
}

// All applies validators in order, up to the first error (CompositeValidator).
func All(validators ...Validator) Validator {
	texts := make([]string, len(validators))
	for i, v := range validators {
		texts[i] = v.String()
	}
	return ValidatorFunc(strings.Join(texts, ", "), func(name string, value any, values *Values) error {
		for _, v := range validators {
			if err := v.Check(name, value, values); err != nil {
				return err
			}
		}
		return nil
	})
}
