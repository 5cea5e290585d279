//go:build !linux

package load

import "context"

// Run does what config says until it is done or ctx ends.
func Run(context.Context, Config) (*Result, error) { return nil, ErrPlatform }
