package kafka

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

var isoDuration = regexp.MustCompile(`(?i)^P(?:(\d+)D)?(T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:[.,]\d{0,9})?)S)?)?$`)

// parseISODuration reads Java's form of durations, such as P7D or PT1H30M0.5S.
func parseISODuration(s string) (time.Duration, error) {
	m := isoDuration.FindStringSubmatch(s)
	if m == nil || strings.EqualFold(s, "P") || strings.EqualFold(m[2], "T") {
		return 0, fmt.Errorf("%q is not a duration of the form PnDTnHnMn.nS", s)
	}
	var total time.Duration
	for i, unit := range map[int]time.Duration{1: 24 * time.Hour, 3: time.Hour, 4: time.Minute, 5: time.Second} {
		if m[i] == "" {
			continue
		}
		f, err := strconv.ParseFloat(strings.Replace(m[i], ",", ".", 1), 64)
		if err != nil || f*float64(unit) >= float64(1<<62) {
			return 0, fmt.Errorf("%q is too long a duration", s)
		}
		total += time.Duration(f * float64(unit))
	}
	return total, nil
}
