package dispatch

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxPath is the length of the longest path or pattern, in bytes, without slashes at its ends.
const MaxPath = 1024

// MaxWildSegments is how many segments a pattern with wildcards may have. Each takes a place in the Dispatcher's tree, of
// some 80 bytes, so that a long pattern would cost many times its length.
const MaxWildSegments = 64

// SystemPrefix begins the paths that are commands to rootsd itself, or events from it.
const SystemPrefix = "::"

// Path names what an update is about: segments of UTF-8 text separated by "/", such as "orders/42".
// A Path made by [ParsePath] has no slash at either end, no empty segment, no control character and no wildcard.
type Path string

// Pattern is what a component connects to: a path in which the segment "*" stands for any one segment, and "**" as the
// last segment for one or more. A pattern without wildcards is a path. Wildcards never stand for a first segment that
// begins with [SystemPrefix], so that "**" does not overhear commands.
type Pattern string

// The reasons for which [ParsePath] and [ParsePattern] refuse a text.
var (
	ErrPathEmpty    = errors.New("path is empty")
	ErrPathLong     = fmt.Errorf("path is longer than %d bytes", MaxPath)
	ErrPathSegment  = errors.New("path has an empty segment")
	ErrPathText     = errors.New("path is not valid UTF-8")
	ErrPathControl  = errors.New("path has a control character")
	ErrPathWildcard = errors.New("path has a wildcard segment; an update goes to one path")
	ErrPatternTail  = errors.New("pattern has \"**\" before its last segment")
	ErrPatternDeep  = fmt.Errorf("pattern has wildcards and more than %d segments", MaxWildSegments)
)

// ParsePath checks text as the path of an update and drops the slashes at its ends.
// Its errors are the Err… values of this package, to be tested with errors.Is.
func ParsePath(text string) (Path, error) {
	text = strings.Trim(text, "/")
	if err := checkText(text); err != nil {
		return "", err
	}
	if !strings.Contains(text, "*") {
		return Path(text), nil
	}
	for segment := range strings.SplitSeq(text, "/") {
		if isWildcard(segment) {
			return "", ErrPathWildcard
		}
	}
	return Path(text), nil
}

// ParsePattern checks text as a pattern and drops the slashes at its ends.
// Its errors are the Err… values of this package, to be tested with errors.Is.
func ParsePattern(text string) (Pattern, error) {
	text = strings.Trim(text, "/")
	if err := checkText(text); err != nil {
		return "", err
	}
	if strings.HasPrefix(text, "**/") || strings.Contains(text, "/**/") {
		return "", ErrPatternTail
	}
	pattern := Pattern(text)
	if strings.Count(text, "/") >= MaxWildSegments && pattern.Wild() {
		return "", ErrPatternDeep
	}
	return pattern, nil
}

// checkText applies the rules that paths and patterns share.
func checkText(text string) error {
	switch {
	case text == "":
		return ErrPathEmpty
	case len(text) > MaxPath:
		return ErrPathLong
	case strings.Contains(text, "//"):
		return ErrPathSegment
	}
	for i := range len(text) {
		if c := text[i]; c < ' ' || c >= 0x7f {
			return checkRunes(text)
		}
	}
	return nil
}

// checkRunes is the slow part of checkText, for texts that are not plain ASCII.
func checkRunes(text string) error {
	if !utf8.ValidString(text) {
		return ErrPathText
	}
	if strings.ContainsFunc(text, unicode.IsControl) {
		return ErrPathControl
	}
	return nil
}

// System tells whether p belongs to rootsd itself.
func (p Path) System() bool { return strings.HasPrefix(string(p), SystemPrefix) }

// System tells whether p can only match paths that belong to rootsd itself.
func (p Pattern) System() bool { return strings.HasPrefix(string(p), SystemPrefix) }

// Wild tells whether p has a wildcard segment; if not, it matches just the path of the same text.
func (p Pattern) Wild() bool {
	if !strings.Contains(string(p), "*") {
		return false
	}
	for segment := range strings.SplitSeq(string(p), "/") {
		if isWildcard(segment) {
			return true
		}
	}
	return false
}

// Matches tells whether p stands for path. It is for a few patterns at a time; the Dispatcher's tree gives the same
// answers for many.
func (p Pattern) Matches(path Path) bool { return p.Covers(Pattern(path)) }

// Covers tells whether p matches every path that other matches, as "public/**" covers "public/*/news". It is the plain
// statement of the rules.
func (p Pattern) Covers(other Pattern) bool {
	mine, theirs := string(p), string(other)
	for first := true; ; first = false {
		var want, got string
		var moreWant, moreGot bool
		want, mine, moreWant = strings.Cut(mine, "/")
		got, theirs, moreGot = strings.Cut(theirs, "/")
		if isWildcard(want) && first && other.System() {
			return false
		}
		switch {
		case want == "**":
			return true
		case got == "**":
			return false
		case want != "*" && want != got:
			return false
		case moreWant != moreGot:
			return false
		case !moreWant:
			return true
		}
	}
}

func isWildcard(segment string) bool { return segment == "*" || segment == "**" }
