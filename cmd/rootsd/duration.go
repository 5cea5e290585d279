package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// parseDuration is [time.ParseDuration] with an error that says how a duration is written.
func parseDuration(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err == nil {
		return d, nil
	}
	if _, err := strconv.ParseFloat(text, 64); err == nil {
		return 0, fmt.Errorf("%q has no unit; write %q for seconds", text, text+"s")
	}
	return 0, fmt.Errorf(`expected a duration such as "25s", "50ms" or "1m30s", got %q`, text)
}

// durationText writes a duration the way people do: 60s and 10m where the standard library has 1m0s and 10m0s.
func durationText(d time.Duration) string {
	if d%time.Second == 0 && d.Abs() < 2*time.Minute {
		return strconv.FormatInt(int64(d/time.Second), 10) + "s"
	}
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
