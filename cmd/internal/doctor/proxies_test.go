package doctor

import (
	"sync"
	"testing"
	"time"

	"github.com/rootsd/rootsd/cmd/internal/proxytest"
)

// What is said of a mistake, by its name or by what is wrong, where that is not just that its check has failed.
var saidOf = map[string]map[string]State{
	// Harmless for pages of rootsd's own origin, as are asked for here.
	"cors": one("cors", Warning),
	// They may be a balancer's.
	"cookies": one("cookies", Warning),
	// What answers is not what pages look for, and should not be there at all.
	"ports": {"address": Failed, "ports": Failed},

	// These two flush what they compress.
	"nginx: gzip of streams": one("compression", Warning),
	"apache: DEFLATE of all": one("compression", Warning),
	// It is the one for the other's sake: nginx buffers nothing else.
	"nginx: X-Accel-Buffering ignored": {"buffering": Failed, "http_version": Failed},
	// Apache then drops the Upgrade, which looks the same from here.
	"apache: force-proxy-request-1.0": one("upgrade", Failed),
}

// The configurations of docs/proxies are found to be good, and each mistake in them is found, and nothing else.
func TestProxies(t *testing.T) {
	t.Parallel()
	// Longer than patience, so that a ping does not bring what is held back in time.
	daemon := proxytest.Rootsd(t, "--push-hold=5s")
	for _, program := range proxytest.Programs {
		t.Run(program, func(t *testing.T) {
			t.Parallel()
			lookAt(t, daemon, program)
		})
	}
}

// lookAt looks at all configurations of a proxy at the same time, as that is mostly waiting.
func lookAt(t *testing.T, daemon *proxytest.Daemon, program string) {
	configs := map[string]string{"good": proxytest.Config(t, program)}
	wanted := map[string]map[string]State{"good": nil}
	for _, fault := range proxytest.Faults {
		if fault.Program != program {
			continue
		}
		configs[fault.Name], wanted[fault.Name] = fault.Config(t), one(fault.Wrong, Failed)
		for _, key := range []string{fault.Wrong, fault.Name} {
			if said, ok := saidOf[key]; ok {
				wanted[fault.Name] = said
			}
		}
	}
	reports := make(map[string]*Report)
	var mu sync.Mutex // guards reports
	var group sync.WaitGroup
	for name, text := range configs {
		config := configFor(t, proxytest.Start(t, program, daemon.Behind(text))+"/comet/")
		config.Timeout = 3 * time.Second
		group.Go(func() {
			report := examine(t, config)
			mu.Lock()
			defer mu.Unlock()
			reports[name] = report
		})
	}
	group.Wait()
	for name, report := range reports {
		t.Run(name, func(t *testing.T) { wants(t, report, wanted[name]) })
	}
}
