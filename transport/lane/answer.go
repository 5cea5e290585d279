package lane

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
)

// Header fields that many answers share.
var (
	jsonType    = []string{"application/json"}
	problemType = []string{"application/problem+json"}
	noStore     = []string{"no-store"}
	noSniff     = []string{"nosniff"}
	sameOrigin  = []string{"same-origin"}
	noScripts   = []string{"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"}
)

// Shield marks the answer of a control port as one that no page of another site may load, frame or guess the kind of: for
// a page that comes by a way which [Guard] does not know for a browser's. Whoever serves a page sets a policy of its own.
func Shield(header http.Header) {
	header["X-Content-Type-Options"] = noSniff
	header["Cross-Origin-Resource-Policy"] = sameOrigin
	header["Content-Security-Policy"] = noScripts
}

// WriteJSON answers with v as JSON and a newline. The error says that v cannot be encoded; nothing is written then.
func WriteJSON(w http.ResponseWriter, status int, v any) error {
	return writeJSON(w, status, jsonType, v)
}

func writeJSON(w http.ResponseWriter, status int, contentType []string, v any) error {
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	// Answers are read by programs and in terminals, where "->" is better than the escape that keeps HTML pages safe.
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return fmt.Errorf("encoding the answer: %w", err)
	}
	write(w, status, contentType, body.Bytes())
	return nil
}

// WriteAccepted answers that so many updates were taken: {"accepted":1}.
func WriteAccepted(w http.ResponseWriter, updates int) {
	var body [32]byte
	write(w, http.StatusOK, jsonType, AppendAccepted(body[:0], updates))
}

// AppendAccepted appends what [WriteAccepted] answers.
func AppendAccepted(dst []byte, updates int) []byte {
	dst = append(dst, `{"accepted":`...)
	dst = strconv.AppendInt(dst, int64(updates), 10)
	return append(dst, "}\n"...)
}

func write(w http.ResponseWriter, status int, contentType []string, body []byte) {
	header := w.Header()
	header["Content-Type"] = contentType
	header["Cache-Control"] = noStore
	header["X-Content-Type-Options"] = noSniff
	header["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(status)
	// A write that fails has lost its reader: nobody is left to be told.
	_, _ = w.Write(body)
}
