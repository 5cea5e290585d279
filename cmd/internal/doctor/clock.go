package doctor

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// drift is how far two clocks may be apart.
const drift = 5 * time.Second

// clock compares the answer's Date with this machine's clock.
func (e *exam) clock(context.Context) Check {
	date, err := http.ParseTime(e.home.Header.Get("Date"))
	if err != nil {
		return skip("the answer has no Date")
	}
	apart := apartFrom(date, e.home.sent, e.home.got)
	if apart.Abs() <= drift {
		return good("the clocks there and here agree")
	}
	way := "ahead of"
	if apart < 0 {
		way = "behind"
	}
	return e.warn(fix{text: "Find out which of the two is wrong (timedatectl), and have it kept right by NTP: " +
		"certificates, signed requests and logs need it."},
		"the clock there is %s %s this machine's", lapse(apart.Abs()), way)
}

// apartFrom returns how far ahead the clock is that wrote date, at some time between sent and got. A date has whole
// seconds, so it may have been almost a second later.
func apartFrom(date, sent, got time.Time) time.Duration {
	if late := sent.Sub(date.Add(time.Second)); late > 0 {
		return -late
	}
	return max(date.Sub(got), 0)
}

// lapse prints a time in the unit that people would use.
func lapse(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d >= 2*day:
		return fmt.Sprintf("%d days", d/day)
	case d >= 2*time.Hour:
		return fmt.Sprintf("%d hours", d/time.Hour)
	case d >= 2*time.Minute:
		return fmt.Sprintf("%d minutes", d/time.Minute)
	}
	return seconds(d)
}
