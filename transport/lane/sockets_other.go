//go:build !linux

package lane

import (
	"errors"
	"net"
)

// OpenSockets is for Linux. Elsewhere everything is served by net/http.
func OpenSockets() (Sockets, error) { return nil, errors.ErrUnsupported }

func listenerFD(net.Listener) (int, error) { return 0, errors.ErrUnsupported }
