package main

import "github.com/rootsd/rootsd/cmd/internal/load"

func installRootsd(w *workshop) (string, error) { return w.buildOurs("rootsd", "./cmd/rootsd") }

// startRootsd turns bundling off in the works whose messages come one by one, because others have none; in a burst it
// is as by default.
func startRootsd(w *workshop, s *site) ([]string, error) {
	args := []string{
		w.path("rootsd"), "serve", "--log-level", "error",
		"--push-listen", s.address, "--ingest-listen", s.ingest, "--line-listen", "", "--admin-listen", "",
		"--push-hold", "5m", "--push-expire", "5m", "--state-file", "off",
		"--limits-control-connections", "100", // each takes a descriptor from the clients
	}
	if s.work.burst == 0 {
		args = append(args, "--push-bundle", "0s")
	}
	return args, nil
}

func speakRootsd(s *site, transport load.Transport) load.Dialect {
	return &load.Rootsd{Transport: transport, Push: s.address, Ingest: s.ingest, Fields: s.work.fields}
}
