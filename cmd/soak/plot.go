package main

import (
	"fmt"
	"io"
	"math"
	"strings"
)

// plot is a figure of several panels, one below the other, over the same time.
type plot struct {
	title  string
	end    float64 // of the time axis, in seconds
	panels []panel
}

// panel is one pair of axes.
type panel struct {
	name, unit string
	curves     []curve
	limit      *limit // a line across; nil for none
}

// limit is a bound that is drawn as a line.
type limit struct {
	name string
	at   float64
}

// curve is one line, of points in the order of their times.
type curve struct {
	name   string
	points []point
}

// point is a value at a time.
type point struct{ seconds, value float64 }

// Sizes, in pixels. A panel's curves stand to the right of its values and to the left of its names.
const (
	plotWidth    = 860
	panelHeight  = 120
	panelGap     = 46
	plotLeft     = 74
	plotRight    = 170
	plotTop      = 62
	plotBottom   = 44
	areaWidth    = plotWidth - plotLeft - plotRight
	plotsColumns = areaWidth // so many values are drawn at most: one a pixel
)

// plotStyle has colours for light and for dark pages, told apart also by those who see few.
const plotStyle = `
  .back { fill: #ffffff } text { fill: #1f2328; font: 12px system-ui, sans-serif } .title { font-size: 15px; font-weight: 600 }
  .axis { stroke: #8c959f } .grid { stroke: #d8dee4 }
  .limit { stroke: #cf222e; stroke-dasharray: 6 4 } .limitname { fill: #cf222e }
  .curve { fill: none; stroke-width: 1.5; stroke-linejoin: round }
  .c0 { stroke: #0969da } .c1 { stroke: #bc4c00 } .c2 { stroke: #1a7f37 }
  .t0 { fill: #0969da } .t1 { fill: #bc4c00 } .t2 { fill: #1a7f37 }
  @media (prefers-color-scheme: dark) {
    .back { fill: #0d1117 } text { fill: #e6edf3 } .axis { stroke: #6e7681 } .grid { stroke: #30363d }
    .limit { stroke: #ff7b72 } .limitname { fill: #ff7b72 }
    .c0 { stroke: #58a6ff } .c1 { stroke: #f0883e } .c2 { stroke: #3fb950 }
    .t0 { fill: #58a6ff } .t1 { fill: #f0883e } .t2 { fill: #3fb950 }
  }
`

// write writes the figure as SVG.
func (p *plot) write(w io.Writer) error {
	height := plotTop + len(p.panels)*(panelHeight+panelGap) - panelGap + plotBottom
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" `,
		plotWidth, height, plotWidth, height)
	fmt.Fprintf(&b, `role="img" aria-label="%s">`, escape(p.title))
	fmt.Fprintf(&b, "\n<style>%s</style>\n", plotStyle)
	fmt.Fprintf(&b, `<rect class="back" width="%d" height="%d"/>`+"\n", plotWidth, height)
	fmt.Fprintf(&b, `<text class="title" x="%d" y="24">%s</text>`+"\n", plotLeft, escape(p.title))
	for i := range p.panels {
		p.writePanel(&b, &p.panels[i], float64(plotTop+i*(panelHeight+panelGap)))
	}
	p.writeTimes(&b, float64(height-plotBottom))
	b.WriteString("</svg>\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// writePanel draws a panel whose upper edge is at top.
func (p *plot) writePanel(b *strings.Builder, one *panel, top float64) {
	step, most := axis(one.most())
	y := func(value float64) float64 { return top + panelHeight*(1-min(max(value, 0), most)/most) }
	fmt.Fprintf(b, `<text x="%d" y="%.1f">%s</text>`+"\n", plotLeft, top-10, escape(one.name+", "+one.unit))
	for value := 0.0; value <= most*1.0001; value += step {
		line(b, "grid", plotLeft, y(value), plotLeft+areaWidth, y(value))
		fmt.Fprintf(b, `<text text-anchor="end" x="%d" y="%.1f">%s</text>`+"\n", plotLeft-8, y(value)+4, number(value, step))
	}
	line(b, "axis", plotLeft, top, plotLeft, top+panelHeight)
	labels := labels{top: top}
	if one.limit != nil {
		line(b, "limit", plotLeft, y(one.limit.at), plotLeft+areaWidth, y(one.limit.at))
		labels.add(b, "limitname", one.limit.name, y(one.limit.at))
	}
	for i, c := range one.curves {
		points := thin(c.points, p.end)
		var path []string
		for _, at := range points {
			path = append(path, fmt.Sprintf("%.1f,%.1f", p.x(at.seconds), y(at.value)))
		}
		fmt.Fprintf(b, `<polyline class="curve c%d" points="%s"/>`+"\n", i, strings.Join(path, " "))
		labels.add(b, fmt.Sprintf("t%d", i), c.name, y(c.last()))
	}
}

// labels are names at the right edge, which must not stand on one another.
type labels struct {
	top  float64
	used []float64
}

func (l *labels) add(b *strings.Builder, class, name string, y float64) {
	const room = 14
	y = max(y+4, l.top+8)
	for moved := true; moved; {
		moved = false
		for _, other := range l.used {
			if math.Abs(other-y) < room {
				y, moved = other+room, true
			}
		}
	}
	l.used = append(l.used, y)
	fmt.Fprintf(b, `<text class="%s" x="%d" y="%.1f">%s</text>`+"\n", class, plotLeft+areaWidth+8, y, escape(name))
}

// writeTimes draws the time axis below all panels.
func (p *plot) writeTimes(b *strings.Builder, y float64) {
	unit, divisor := "seconds", 1.0
	if p.end > 300 {
		unit, divisor = "minutes", 60.0
	}
	step, _ := axis(p.end / divisor / 2)
	line(b, "axis", plotLeft, y, plotLeft+areaWidth, y)
	for at := 0.0; at <= p.end/divisor; at += step {
		fmt.Fprintf(b, `<text text-anchor="middle" x="%.1f" y="%.1f">%s</text>`+"\n", p.x(at*divisor), y+18, number(at, step))
	}
	fmt.Fprintf(b, `<text text-anchor="middle" x="%d" y="%.1f">%s</text>`+"\n", plotLeft+areaWidth/2, y+36, unit)
}

func (p *plot) x(seconds float64) float64 { return plotLeft + areaWidth*seconds/max(p.end, 1e-9) }

func line(b *strings.Builder, class string, x1, y1, x2, y2 float64) {
	fmt.Fprintf(b, `<line class="%s" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/>`+"\n", class, x1, y1, x2, y2)
}

// most is the highest value of a panel.
func (p *panel) most() (most float64) {
	if p.limit != nil {
		most = p.limit.at
	}
	for _, c := range p.curves {
		for _, at := range c.points {
			if !math.IsNaN(at.value) && !math.IsInf(at.value, 0) {
				most = max(most, at.value)
			}
		}
	}
	return most
}

// last is the value where the curve ends.
func (c *curve) last() float64 {
	for i := len(c.points) - 1; i >= 0; i-- {
		if v := c.points[i].value; !math.IsNaN(v) && !math.IsInf(v, 0) {
			return v
		}
	}
	return 0
}

// axis chooses a round step, and a round number of at least most: three to five steps.
func axis(most float64) (step, end float64) {
	if most <= 0 || math.IsNaN(most) || math.IsInf(most, 0) {
		most = 1
	}
	step = math.Pow(10, math.Floor(math.Log10(most)))
	for _, part := range []float64{0.2, 0.25, 0.5, 1, 2} {
		if most/(step*part) <= 5 {
			step *= part
			break
		}
	}
	return step, step * math.Ceil(most/step-1e-9)
}

// number writes a value of an axis with as many digits as its steps need.
func number(value, step float64) string {
	digits := max(0, int(math.Ceil(-math.Log10(step)-1e-9)))
	if step*math.Pow10(digits) != math.Trunc(step*math.Pow10(digits)) {
		digits++
	}
	return fmt.Sprintf("%.*f", digits, value)
}

// thin leaves one point for each pixel, the highest, and none that is no number: a peak stays to be seen.
func thin(points []point, end float64) (kept []point) {
	column := -1
	for _, at := range points {
		if math.IsNaN(at.value) || math.IsInf(at.value, 0) {
			continue
		}
		here := int(plotsColumns * at.seconds / max(end, 1e-9))
		switch {
		case here != column:
			kept, column = append(kept, at), here
		case at.value > kept[len(kept)-1].value:
			kept[len(kept)-1] = at
		}
	}
	return kept
}

func escape(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;").Replace(text)
}
