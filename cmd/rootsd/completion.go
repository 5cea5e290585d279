package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

var shells = []string{"bash", "zsh", "fish", "powershell"}

func newCompletion() *cobra.Command {
	return &cobra.Command{
		Use:   "completion <shell>",
		Short: "Print a script that completes rootsd's commands in a shell",
		Long: `Completion prints a script for bash, zsh, fish or powershell, after which the Tab key
completes rootsd's commands and flags.`,
		Example: `  source <(rootsd completion bash)                                  # for this shell
  rootsd completion bash > /etc/bash_completion.d/rootsd            # for all, on Linux
  rootsd completion zsh > "${fpath[1]}/_rootsd"
  rootsd completion fish > ~/.config/fish/completions/rootsd.fish`,
		ValidArgs: shells,
		Args: func(cmd *cobra.Command, given []string) error {
			names := "one of " + strings.Join(shells, ", ")
			if len(given) == 1 && !slices.Contains(shells, given[0]) {
				return usageError{fmt.Errorf("completion takes %s, not %q", names, given[0])}
			}
			return args(1, 1, names)(cmd, given)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			out := cmd.OutOrStdout()
			switch args[0] {
			case "bash":
				return cmd.Root().GenBashCompletionV2(out, true)
			case "zsh":
				return cmd.Root().GenZshCompletion(out)
			case "fish":
				return cmd.Root().GenFishCompletion(out, true)
			default:
				return cmd.Root().GenPowerShellCompletionWithDesc(out)
			}
		},
	}
}
