package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"strconv"
	"strings"
	"testing"
)

// draw writes a plot, and returns it if it is well-formed and every number in it is one.
func draw(t *testing.T, p *plot) string {
	t.Helper()
	var b bytes.Buffer
	if err := p.write(&b); err != nil {
		t.Fatal(err)
	}
	decoder := xml.NewDecoder(bytes.NewReader(b.Bytes()))
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return b.String()
		}
		if err != nil {
			t.Fatalf("not well-formed: %v\n%s", err, b.String())
		}
		element, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		for _, a := range element.Attr {
			checkNumbers(t, element.Name.Local+" "+a.Name.Local, a.Value)
		}
	}
}

// checkNumbers looks at the values of attributes that are coordinates.
func checkNumbers(t *testing.T, name, value string) {
	t.Helper()
	switch attribute := name[strings.LastIndexByte(name, ' ')+1:]; attribute {
	case "x", "y", "x1", "x2", "y1", "y2", "width", "height", "points":
	default:
		return
	}
	for _, text := range strings.FieldsFunc(value, func(r rune) bool { return r == ' ' || r == ',' }) {
		n, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(n) || n < 0 || n > 5000 {
			t.Errorf("%s is %q", name, text)
		}
	}
}

func TestPlot(t *testing.T) {
	p := &plot{title: `a < b & "c"`, end: 600, panels: []panel{
		{"memory", "MiB", []curve{
			{"one", []point{{0, 1}, {1, 5}, {600, 3}}},
			{"two", []point{{0, 1}, {1, math.NaN()}, {2, math.Inf(1)}, {600, 3.01}}},
		}, &limit{"ceiling", 10}},
		{"nothing", "ms", []curve{{"none", nil}}, nil},
		{"zero", "ms", []curve{{"zero", []point{{0, 0}, {600, 0}}}}, nil},
	}}
	text := draw(t, p)
	for _, want := range []string{"memory, MiB", "nothing, ms", "ceiling", "one", "two", "minutes",
		"prefers-color-scheme: dark", "&lt; b &amp;"} {
		if !strings.Contains(text, want) {
			t.Errorf("there is no %q in it", want)
		}
	}
	if strings.Contains(text, "NaN") || strings.Contains(text, "Inf") {
		t.Error("there is something in it that is no number")
	}
}

func TestPlotWithoutAnything(t *testing.T) {
	draw(t, &plot{})
	draw(t, &plot{panels: []panel{{}}})
}

func TestThinKeepsPeaks(t *testing.T) {
	var points []point
	for i := range 100_000 {
		value := 1.0
		if i == 77_777 {
			value = 9
		}
		points = append(points, point{float64(i), value})
	}
	kept := thin(points, 100_000)
	if len(kept) > plotsColumns+1 {
		t.Errorf("%d points are left, for %d pixels", len(kept), plotsColumns)
	}
	most := 0.0
	for _, at := range kept {
		most = max(most, at.value)
	}
	if most != 9 {
		t.Errorf("the peak is lost: %v is the most that is left", most)
	}
}

func TestAxis(t *testing.T) {
	for _, test := range []struct{ most, step, end float64 }{
		{0, 0.2, 1}, {1, 0.2, 1}, {7, 2, 8}, {10, 2, 10}, {11, 2.5, 12.5}, {43, 10, 50}, {980, 200, 1000}, {0.003, 0.001, 0.003},
	} {
		step, end := axis(test.most)
		if math.Abs(step-test.step) > 1e-9 || math.Abs(end-test.end) > 1e-9 {
			t.Errorf("for %v: steps of %v to %v, want %v to %v", test.most, step, end, test.step, test.end)
		}
	}
}

func TestNumber(t *testing.T) {
	for _, test := range []struct {
		value, step float64
		want        string
	}{{10, 5, "10"}, {0.4, 0.2, "0.4"}, {0.25, 0.25, "0.25"}, {1500, 500, "1500"}, {7.5, 2.5, "7.5"}} {
		if got := number(test.value, test.step); got != test.want {
			t.Errorf("%v in steps of %v is written %s, want %s", test.value, test.step, got, test.want)
		}
	}
}
