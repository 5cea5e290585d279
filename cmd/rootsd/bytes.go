package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Bytes is a size in bytes.
type Bytes int64

// units maps what may follow a number, in lower case, to its factor.
var units = map[string]int64{
	"": 1, "b": 1,
	"kb": 1e3, "mb": 1e6, "gb": 1e9,
	"kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30,
}

// ParseBytes reads a size: "65536", "64KB" (thousands), "64KiB" (1,024 each); M and G likewise. Capitals do not matter.
func ParseBytes(text string) (Bytes, error) {
	digits := strings.TrimRight(text, "BbIiKkMmGg ")
	unit := strings.ToLower(strings.TrimSpace(text[len(digits):]))
	n, err := strconv.ParseInt(digits, 10, 64)
	factor, ok := units[unit]
	if err != nil || !ok {
		return 0, fmt.Errorf(`expected a size such as "64KiB", "1MiB" or 65536, got %q`, text)
	}
	if n > math.MaxInt64/factor || n < math.MinInt64/factor {
		return 0, fmt.Errorf("%q is too large a size", text)
	}
	return Bytes(n * factor), nil
}

// String writes the size in the largest unit of 1,024 that leaves a whole number: 256KiB, 1000B.
func (b Bytes) String() string {
	switch {
	case b == 0 || b%(1<<10) != 0:
		return strconv.FormatInt(int64(b), 10) + "B"
	case b%(1<<20) != 0:
		return strconv.FormatInt(int64(b>>10), 10) + "KiB"
	case b%(1<<30) != 0:
		return strconv.FormatInt(int64(b>>20), 10) + "MiB"
	default:
		return strconv.FormatInt(int64(b>>30), 10) + "GiB"
	}
}
