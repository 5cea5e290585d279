// Package proxytest runs reverse proxies before a rootsd, for tests: nginx, Caddy, HAProxy and Apache, with the files
// of docs/proxies as they are or with a mistake in them.
//
//	daemon := proxytest.Rootsd(t)                              // holds polls for 2 s
//	config := proxytest.Config(t, "nginx")                     // docs/proxies/nginx.conf
//	base := proxytest.Start(t, "nginx", daemon.Behind(config)) // http://127.0.0.1:43210
//	…                                                          // rootsd answers at base + "/comet/"
//
// Faults are the same files, each with one mistake that people make, or with a default left in place that hurts.
//
//	for _, fault := range proxytest.Faults {
//		base := proxytest.Start(t, fault.Program, daemon.Behind(fault.Config(t)))
//
// Everything ends with its test, and what it logged is shown if the test has failed. A test is skipped where its proxy
// is not installed.
package proxytest
