package tool

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/spf13/cobra"
)

func TestRun(t *testing.T) {
	tests := []struct {
		args []string
		err  error // of what the command does
		want int
		said string
	}{
		{nil, nil, 0, ""},
		{nil, errors.New("it is dark"), 1, "dig: it is dark\n"},
		{nil, fmt.Errorf("%w: no spade", ErrUsage), 2, "dig: usage: no spade; see --help\n"},
		{[]string{"--deep"}, nil, 2, "dig: usage: unknown flag: --deep; see --help\n"},
		{[]string{"hole", "--deep"}, nil, 2, "dig: usage: unknown flag: --deep; see --help\n"},
	}
	for _, test := range tests {
		do := func(*cobra.Command, []string) error { return test.err }
		cmd := &cobra.Command{Use: "dig", RunE: do}
		cmd.AddCommand(&cobra.Command{Use: "hole", RunE: do})
		var said bytes.Buffer
		cmd.SetErr(&said)
		if got := Run(cmd, test.args); got != test.want || said.String() != test.said {
			t.Errorf("%q, %v: status %d, and %q is said", test.args, test.err, got, said.String())
		}
	}
}
