package lane

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
)

// What the loops serve, net/http reads the same way, and what follows the request begins at the same byte.
func FuzzParse(f *testing.F) {
	for _, tt := range strictRequests {
		if len(tt.text) < 2000 {
			f.Add([]byte(tt.text))
			f.Add([]byte(tt.text + tt.text))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var r Request
		v, used := r.parse(data, maxFastHeader)
		if v != whole {
			if used != 0 {
				t.Fatalf("%d bytes used of what is not whole", used)
			}
			return
		}
		lines := bufio.NewReader(bytes.NewReader(data))
		want, err := http.ReadRequest(lines)
		if err != nil {
			t.Fatalf("net/http refuses it: %v", err)
		}
		body, err := io.ReadAll(want.Body)
		if err != nil {
			t.Fatalf("net/http refuses the body: %v", err)
		}
		compareRequest(t, &r, want, body)
		if rest, _ := io.ReadAll(lines); !bytes.Equal(rest, data[used:]) {
			t.Errorf("net/http leaves %q, the loops %q", rest, data[used:])
		}
	})
}

// compareRequest compares a request with what net/http has read.
func compareRequest(t *testing.T, r *Request, want *http.Request, body []byte) {
	if !bytes.Equal(r.Body, body) || want.ContentLength != int64(len(body)) || len(want.TransferEncoding) > 0 {
		t.Errorf("body %q, net/http has %q, %d, %v", r.Body, body, want.ContentLength, want.TransferEncoding)
	}
	if r.keepAlive == want.Close || r.HTTP10() == want.ProtoAtLeast(1, 1) {
		t.Errorf("keep-alive %v and HTTP/1.0 %v, net/http has close %v of %s", r.keepAlive, r.HTTP10(), want.Close, want.Proto)
	}
	upgrade := ""
	if r.Upgrade {
		upgrade = "websocket"
	}
	for _, field := range []struct{ name, got, want string }{
		{"method", r.Method, want.Method}, {"path", r.Path, want.URL.Path}, {"query", r.Query, want.URL.RawQuery},
		{"Host", r.Host, want.Host}, {"Origin", r.Origin, one(want, "Origin")}, {"Sec-Fetch-Site", r.Site, one(want, "Sec-Fetch-Site")},
		{"Authorization", r.Authorization, one(want, "Authorization")}, {"Accept", r.Accept, one(want, "Accept")},
		{"Last-Event-ID", r.LastEventID, one(want, "Last-Event-ID")}, {"Upgrade", upgrade, strings.ToLower(one(want, "Upgrade"))},
		{"Sec-WebSocket-Key", r.Key, one(want, "Sec-WebSocket-Key")}, {"Sec-WebSocket-Version", r.Version, one(want, "Sec-WebSocket-Version")},
	} {
		if field.got != field.want {
			t.Errorf("%s is %q, net/http has %q", field.name, field.got, field.want)
		}
	}
	// net/http keeps the raw path too where it would write the path in another way, as with "!".
	decoded := want.URL.RawPath != "" && want.URL.RawPath != want.URL.Path
	if want.URL.Host != "" || want.URL.Opaque != "" || want.URL.Scheme != "" || want.URL.Fragment != "" || decoded {
		t.Errorf("net/http has the target %#v", want.URL)
	}
}

// one returns the value of a field that is there once or not at all; of any other, a text that nothing equals.
func one(r *http.Request, name string) string {
	if values := r.Header.Values(name); len(values) > 1 || len(values) == 1 && values[0] == "" {
		return "\x00" + strings.Join(values, "\x00")
	}
	return r.Header.Get(name)
}

// However a request is cut, its parts say the same: the beginning of one that is whole is partial, what is odd stays odd,
// and what follows a whole one changes nothing.
func FuzzParseChunks(f *testing.F) {
	for _, tt := range strictRequests {
		if len(tt.text) < 2000 {
			f.Add([]byte(tt.text), uint16(len(tt.text)/2), uint8(200))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, cut uint16, small uint8) {
		cut = uint16(min(int(cut), len(data)))
		maxHeader := 50 + int(small)
		all, first := sayRequest(data, maxHeader), sayRequest(data[:cut], maxHeader)
		kind := func(said string) string { kind, _, _ := strings.Cut(said, " "); return kind }
		switch kind(first) {
		case "odd":
			if all != "odd" {
				t.Errorf("%q is odd, and with more of it %s", data[:cut], all)
			}
		case "whole":
			cutRest := func(said string) string { said, _, _ = strings.Cut(said, " rest="); return said }
			if kind(all) != "whole" || cutRest(all) != cutRest(first) {
				t.Errorf("%s became %s", first, all)
			}
		}
		var r Request
		if v, used := r.parse(data, maxHeader); v == whole && int(cut) < used && first != "partial" {
			t.Errorf("%d bytes of %s are %s", cut, all, first)
		}
	})
}
