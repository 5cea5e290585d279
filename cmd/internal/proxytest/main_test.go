package proxytest

import (
	"flag"
	"testing"

	"go.uber.org/goleak"
)

// TestMain lets more tests run at a time than there are processors: they wait for most of their time.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}
