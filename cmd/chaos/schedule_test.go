package main

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestScheduleText(t *testing.T) {
	for seed := range uint64(50) {
		s := generate(seed, true)
		text := s.String()
		again, err := parseSchedule(strings.NewReader(text))
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if again.String() != text {
			t.Errorf("seed %d: read and written again it is\n%s\nwant\n%s", seed, again, text)
		}
		if generate(seed, true).String() != text {
			t.Errorf("seed %d makes another schedule the second time", seed)
		}
	}
}

func TestScheduleErrors(t *testing.T) {
	for _, text := range []string{"5 c1", "x c1 open poll", "5 c1 fly", "5 b1 connect c1 a"} {
		if _,
			err := parseSchedule(strings.NewReader("# a comment\n\n" + text)); err == nil || !strings.Contains(err.Error(),
			"line 3") {
			t.Errorf("%q: %v, want an error that names line 3", text, err)
		}
	}
}

// withSteps is a schedule of steps at so many milliseconds.
func withSteps(at ...int) *Schedule {
	s := &Schedule{}
	for _, ms := range at {
		s.Steps = append(s.Steps, Step{At: time.Duration(ms) * time.Millisecond, Actor: "c1", Verb: "again"})
	}
	return s
}

// needs makes a schedule fail that has all these steps.
func needs(at ...int) func(*Schedule) *Outcome {
	return func(s *Schedule) *Outcome {
		for _, ms := range at {
			if !slices.ContainsFunc(s.Steps, func(step Step) bool { return step.At == time.Duration(ms)*time.Millisecond }) {
				return nil
			}
		}
		return &Outcome{}
	}
}

func TestShrink(t *testing.T) {
	tests := []struct {
		name  string
		needs []int
	}{
		{"one step", []int{7}},
		{"two far apart", []int{1, 19}},
		{"three", []int{0, 9, 10}},
		{"all of a run", []int{4, 5, 6, 7}},
	}
	var twenty []int
	for i := range 20 {
		twenty = append(twenty, i)
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			x := &shrinking{schedule: withSteps(twenty...), fails: needs(test.needs...), parallel: 3,
				until: time.Now().Add(time.Minute)}
			x.shrink()
			if want := withSteps(test.needs...).String(); x.schedule.String() != want {
				t.Errorf("shrunk to\n%swant\n%s", x.schedule, want)
			}
			if x.runs > 400 {
				t.Errorf("it took %d runs", x.runs)
			}
		})
	}
}

func TestShrinkLeavesTLSOut(t *testing.T) {
	const secure = settingTLS + "=made"
	always := func(*Schedule) *Outcome { return &Outcome{} }
	only := func(s *Schedule) *Outcome {
		if s.setting(settingTLS) == "" {
			return nil
		}
		return &Outcome{}
	}
	for _, test := range []struct {
		fails func(*Schedule) *Outcome
		want  string
	}{{always, "drain=1s"}, {only, "drain=1s " + secure}} {
		s := &Schedule{Config: []string{"drain=1s", secure}}
		x := &shrinking{schedule: s, fails: test.fails, parallel: 1, until: time.Now().Add(time.Minute)}
		x.shrink()
		if got := strings.Join(x.schedule.Config, " "); got != test.want || len(s.Config) != 2 {
			t.Errorf("shrunk to %q, want %q, and the first left as it was: %q", got, test.want, s.Config)
		}
	}
}

func TestShrinkEndsInTime(t *testing.T) {
	x := &shrinking{schedule: withSteps(1, 2, 3), fails: needs(2), parallel: 1, until: time.Now()}
	if x.shrink(); x.runs > 0 || len(x.schedule.Steps) != 3 {
		t.Errorf("%d runs after its time was up, and %d steps", x.runs, len(x.schedule.Steps))
	}
}
