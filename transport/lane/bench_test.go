package lane

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// oneUpdate is an update of about 100 bytes, as back-ends send them.
const oneUpdate = `{"path":"orders/4711/status","message":{"id":4711,"state":"shipped","at":"2026-11-21T12:00:00Z"}}`

func BenchmarkParseUpdates(b *testing.B) {
	for _, bb := range []struct{ name, body string }{
		{"one", oneUpdate},
		{"array100", "[" + strings.Repeat(oneUpdate+",", 99) + oneUpdate + "]"},
		{"lines100", strings.Repeat(oneUpdate+"\n", 100)},
	} {
		b.Run(bb.name, func(b *testing.B) {
			rules := Rules{MaxMessage: 64 << 10, MaxWait: time.Minute, Options: true}
			body := []byte(bb.body)
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := rules.ParseUpdates(body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkGuardCheck(b *testing.B) {
	plain := httptest.NewRequest(http.MethodPost, "/update", nil)
	plain.Host = "127.0.0.1:8004"
	token := plain.Clone(b.Context())
	token.Header.Set("Authorization", "Bearer 0123456789abcdef0123456789abcdef")
	for _, bb := range []struct {
		name    string
		guard   Guard
		request *http.Request
	}{
		{"host", Guard{}, plain},
		{"token", Guard{Tokens: []string{"fedcba9876543210fedcba9876543210", "0123456789abcdef0123456789abcdef"}}, token},
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := bb.guard.Check(bb.request); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
