package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// newHelp makes the help command. Cobra's own one takes a name that it does not know for a success.
func newHelp() *cobra.Command {
	return &cobra.Command{
		Use:   "help [command]",
		Short: "Say how a command is used",
		Long:  `Help says how a command is used, with examples; without a name, what commands there are.`,
		Example: `  rootsd help
  rootsd help serve`,
		Args: args(0, 1, "the name of a command"),
		ValidArgsFunction: func(cmd *cobra.Command, given []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(given) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return commandNames(cmd.Root()), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			target, _, err := cmd.Root().Find(args)
			if err != nil {
				return err
			}
			if target == cmd.Root() && len(args) > 0 {
				return unknownCommand(target, args[0])
			}
			target.InitDefaultHelpFlag()
			return target.Help()
		},
	}
}

// unknownCommand is the usage error for a command that there is not.
func unknownCommand(root *cobra.Command, name string) error {
	text := fmt.Sprintf("there is no command %q", name)
	if right := nearest(name, commandNames(root)); right != "" {
		text += fmt.Sprintf("; did you mean %s?", right)
	}
	return usageError{errors.New(text)}
}

// unknownFlag is the usage error for what is wrong with flags. For one that there is not it names the nearest.
func unknownFlag(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) {
		return usageError{err}
	}
	var names []string
	cmd.Flags().VisitAll(func(flag *pflag.Flag) { names = append(names, flag.Name) })
	if right := nearest(unknown.GetSpecifiedName(), names); right != "" {
		err = fmt.Errorf("%w; did you mean --%s?", err, right)
	}
	return usageError{err}
}

func commandNames(root *cobra.Command) []string {
	var names []string
	for _, cmd := range root.Commands() {
		if cmd.IsAvailableCommand() {
			names = append(names, cmd.Name())
		}
	}
	return names
}
