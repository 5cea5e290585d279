package push

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rootsd/rootsd/dispatch"
)

// readVectors reads the cases of a file in docs/vectors.
func readVectors[Case any](t *testing.T, name string, cases *[]Case) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "vectors", name))
	if err != nil {
		t.Fatal(err)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	file := struct {
		About string
		Cases any
	}{Cases: cases}
	if err := decoder.Decode(&file); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if file.About == "" {
		t.Errorf("%s does not say what it is about", name)
	}
	t.Logf("vectors: %s %d", strings.TrimSuffix(name, ".json"), len(*cases)) // compared with other languages' counts
}

// sessionCase is a case of docs/vectors/session.json.
type sessionCase struct {
	Name, Why string
	Limits    struct {
		Messages, Bytes int
		Age             string
		Resume          *int
	}
	Listen []dispatch.Pattern
	Steps  []sessionStep
}

// sessionStep is one step; the first field that is there says which.
type sessionStep struct {
	Connect, Disconnect dispatch.Pattern
	Put                 *struct {
		Path    dispatch.Path
		Message json.RawMessage
		Latest  bool
	}
	Age         string
	Confirm     *uint64
	Refused     string
	Take, Retry *sessionAnswer
	Stream      *sessionAnswer
	Told        *sessionAnswer
	Note        *uint64
	Reload      []dispatch.Pattern
	Holds       *int
}

type sessionAnswer struct {
	Updates []sessionUpdate `json:"updates"`
	Cursor  uint64          `json:"cursor"`
}

type sessionUpdate struct {
	Path    dispatch.Path   `json:"path"`
	Message json.RawMessage `json:"message"`
	Gap     string          `json:"gap,omitempty"`
}

// concerns tells whether the update has a client load afresh what it has a handler for.
func (u *sessionUpdate) concerns(listened dispatch.Pattern) bool {
	blank := string(u.Message) == `""`
	return blank && (u.Path == everything && u.Gap != "" || overlap(string(u.Path), string(listened)))
}

// TestSessionVectors runs docs/vectors/session.json.
func TestSessionVectors(t *testing.T) {
	var cases []sessionCase
	readVectors(t, "session.json", &cases)
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { c.run(t) })
		})
	}
}

func (c *sessionCase) run(t *testing.T) {
	r := newRig(t, func(config *Config) {
		config.Hold, config.Expire = 24*time.Hour, 24*time.Hour
		config.Queue.Messages = cmp.Or(c.Limits.Messages, config.Queue.Messages)
		config.Queue.Bytes = cmp.Or(c.Limits.Bytes, config.Queue.Bytes)
		if c.Limits.Resume != nil {
			config.Resume = *c.Limits.Resume
		}
		if c.Limits.Age != "" {
			config.Queue.Age = duration(t, c.Limits.Age)
		}
	})
	s, err := r.Push.open(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	client := &sessionClient{Session: s, listen: c.Listen}
	for i, step := range c.Steps {
		if step.Confirm != nil && step.Refused == "" {
			client.confirmed = *step.Confirm
		}
		if err := step.run(t, client); err != nil {
			t.Fatalf("step %d: %v\nbecause %s", i, err, c.Why)
		}
	}
}

// sessionClient is the client of a case.
type sessionClient struct {
	*Session
	listen    []dispatch.Pattern
	confirmed uint64
	stream    *poller
	cursor    uint64 // that the stream has come to
}

func (step *sessionStep) run(t *testing.T, s *sessionClient) error {
	controller := s.push.controller.ID()
	switch {
	case step.Connect != "":
		s.Update(controller, dispatch.Path(step.Connect), dispatch.TextMessage("", dispatch.Options{}))
	case step.Disconnect != "":
		s.Update(controller, dispatch.PathDisconnected, dispatch.TextMessage(string(step.Disconnect), dispatch.Options{}))
	case step.Put != nil:
		s.Update("", step.Put.Path, newMessage(string(step.Put.Message), dispatch.Options{Latest: step.Put.Latest}))
	case step.Age != "":
		time.Sleep(duration(t, step.Age))
	case step.Confirm != nil:
		err := s.Park(*step.Confirm, Poll, newPoller(), time.Now())
		if want := map[string]error{"stale": ErrStale, "ahead": ErrAhead}[step.Refused]; err != want {
			return fmt.Errorf("confirm %d: %v, want %v", *step.Confirm, err, want)
		}
	case step.Take != nil:
		return step.take(s, step.Take)
	case step.Retry != nil:
		return step.take(s, step.Retry)
	case step.Stream != nil:
		s.stream, s.cursor = newPoller(), s.confirmed
		if err := s.Park(s.confirmed, Frames, s.stream, time.Now()); err != nil {
			return err
		}
		return step.told(s, step.Stream)
	case step.Told != nil:
		return step.told(s, step.Told)
	case step.Note != nil:
		s.confirmed = max(s.confirmed, *step.Note)
		return s.Confirm(*step.Note, time.Now())
	case step.Holds != nil:
		if got := s.describe().Queued; got != *step.Holds {
			return fmt.Errorf("holds %d, want %d", got, *step.Holds)
		}
	default:
		return errors.New("unknown step")
	}
	return nil
}

// told compares what an open stream gives with what is wanted.
func (step *sessionStep) told(s *sessionClient, want *sessionAnswer) error {
	got := sessionAnswer{Updates: []sessionUpdate{}, Cursor: s.cursor}
	for {
		state, _ := s.Ready(s.stream, time.Now())
		if state != Answer || !s.queue.pending() { // all else is a ping
			s.cursor = got.Cursor
			return step.compare(s, &got, want)
		}
		frames, cursor, ok := s.Take(nil, s.stream, time.Now())
		if !ok {
			return errors.New("nothing to take")
		}
		frame, err := readFrame(bytes.NewReader(frames))
		if err != nil {
			return err
		}
		var part sessionAnswer
		if err := json.Unmarshal(frame.Payload, &part); err != nil {
			return err
		}
		got.Updates, got.Cursor = append(got.Updates, part.Updates...), cursor
		s.Wrote(cursor, time.Now())
	}
}

func (step *sessionStep) take(s *sessionClient, want *sessionAnswer) error {
	poller := newPoller()
	if err := s.Park(s.confirmed, Poll, poller, time.Now()); err != nil {
		return err
	}
	text, cursor, ok := s.Take(nil, poller, time.Now())
	if !ok {
		return errors.New("nothing to take")
	}
	var got sessionAnswer
	if err := json.Unmarshal(text, &got); err != nil {
		return err
	}
	got.Cursor = cursor
	return step.compare(s, &got, want)
}

func (step *sessionStep) compare(s *sessionClient, got, want *sessionAnswer) error {
	gotText, _ := json.Marshal(got)
	wantText, _ := json.Marshal(want)
	if !bytes.Equal(gotText, wantText) {
		return fmt.Errorf("answer is\n%s, want\n%s", gotText, wantText)
	}
	var reload []dispatch.Pattern
	for _, listened := range s.listen {
		if slices.ContainsFunc(got.Updates, func(u sessionUpdate) bool { return u.concerns(listened) }) {
			reload = append(reload, listened)
		}
	}
	if step.Reload != nil && !slices.Equal(reload, step.Reload) {
		return fmt.Errorf("a client reloads %q, want %q", reload, step.Reload)
	}
	return nil
}

// overlap tells whether there is a path that both patterns stand for.
func overlap(a, b string) bool {
	for first := true; ; first = false {
		one, restA, moreA := strings.Cut(a, "/")
		two, restB, moreB := strings.Cut(b, "/")
		wild := func(segment string) bool { return segment == "*" || segment == "**" }
		system := func(path string) bool { return dispatch.Path(path).System() }
		switch {
		case first && (system(a) && wild(two) || system(b) && wild(one)):
			return false
		case one == "**" || two == "**":
			return true
		case one != two && one != "*" && two != "*":
			return false
		case moreA != moreB:
			return false
		case !moreA:
			return true
		}
		a, b = restA, restB
	}
}

func duration(t *testing.T, text string) time.Duration {
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}
