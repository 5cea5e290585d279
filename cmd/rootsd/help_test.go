package main

import (
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// Every command says in a line what it does, and shows how; what it shows can be run.
func TestHelp(t *testing.T) {
	for _, cmd := range commandTree() {
		t.Run(cmd.Name(), func(t *testing.T) {
			if cmd.Short == "" || strings.HasSuffix(cmd.Short, ".") {
				t.Errorf("Short is %q; it should be a line without a full stop", cmd.Short)
			}
			if cmd.Example == "" {
				t.Error("there is no Example")
			}
			for line := range strings.Lines(cmd.Example) {
				checkExample(t, cmd, strings.TrimSpace(line))
			}
		})
	}
}

// commandTree lists the root and all commands below it, hidden ones left out.
func commandTree() []*cobra.Command {
	root := newRoot()
	root.InitDefaultHelpCmd()
	all := []*cobra.Command{root}
	for i := 0; i < len(all); i++ {
		for _, cmd := range all[i].Commands() {
			if !cmd.Hidden {
				all = append(all, cmd)
			}
		}
	}
	return all
}

// shellWord is a word of a command line, as far as examples need it.
var shellWord = regexp.MustCompile(`'[^']*'|"[^"]*"|[^\s>)]+`)

// checkExample has cobra understand a line such as "ROOTS_X=1 rootsd check --print > file # why".
func checkExample(t *testing.T, of *cobra.Command, line string) {
	t.Helper()
	_, rest, ok := strings.Cut(line, "rootsd")
	if !ok {
		t.Errorf("%q does not run rootsd", line)
		return
	}
	rest, _, _ = strings.Cut(rest, " #")
	rest, _, _ = strings.Cut(rest, " >")
	words := shellWord.FindAllString(rest, -1)
	for i, word := range words {
		words[i] = strings.Trim(word, `'"`)
	}
	root := newRoot()
	root.InitDefaultHelpCmd()
	cmd, words, err := root.Find(words)
	if err == nil {
		err = cmd.ParseFlags(words)
	}
	if err == nil {
		err = cmd.ValidateArgs(cmd.Flags().Args())
	}
	if err != nil {
		t.Errorf("%q: %v", line, err)
	}
	if of.HasParent() && cmd.Name() != of.Name() {
		t.Errorf("%q is about %s", line, cmd.Name())
	}
}
