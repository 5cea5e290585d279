package rootsd

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Webhook checks that a webhook comes from who knows a secret (https://www.standardwebhooks.com).
type Webhook struct {
	// Secrets are those that may have signed it: base64, perhaps after "whsec_". While one is changed for another, both
	// stand here. Without any, nothing is good.
	Secrets []string
	// Tolerance is how old or early it may be, in whole seconds. 0: 5 minutes.
	Tolerance time.Duration
	// Now tells the time. Nil: time.Now.
	Now func() time.Time
}

// Verify checks the fields webhook-id, webhook-timestamp and webhook-signature against the body as it came, byte by
// byte, and then decodes its JSON into what message points to. An error is an [*Error] of the reason timestamp,
// signature, or message, where what was signed does not fit.
//
// A webhook may be sent again: whoever does something that must not be done twice keeps the webhook-id.
func (w Webhook) Verify(body []byte, header http.Header, message any) error {
	if detail := w.checkTime(header.Get("webhook-timestamp")); detail != "" {
		return &Error{Verb: "webhook", Reason: "timestamp", Detail: detail}
	}
	if detail := w.checkSignature(body, header); detail != "" {
		return &Error{Verb: "webhook", Reason: "signature", Detail: detail}
	}
	if err := json.Unmarshal(body, message); err != nil {
		return &Error{Verb: "webhook", Reason: "message", Detail: err.Error(), cause: err}
	}
	return nil
}

// checkTime says what is wrong with a time; "" if nothing is.
func (w Webhook) checkTime(text string) string {
	parsed, err := strconv.ParseUint(text, 10, 63) // which takes no sign, as a time has none
	if err != nil {
		return fmt.Sprintf("webhook-timestamp is %q, not the time in seconds", text)
	}
	sent, now, tolerance := int64(parsed), time.Now, w.Tolerance
	if w.Now != nil {
		now = w.Now
	}
	if tolerance == 0 {
		tolerance = 5 * time.Minute
	}
	seconds, most := now().Unix(), int64(tolerance/time.Second)
	if sent < seconds-most || sent > seconds+most {
		return fmt.Sprintf("webhook-timestamp is more than %v away from now", tolerance)
	}
	return ""
}

// checkSignature says what is wrong with a signature; "" if nothing is.
func (w Webhook) checkSignature(body []byte, header http.Header) string {
	id := header.Get("webhook-id")
	if id == "" {
		return "there is no webhook-id"
	}
	for _, secret := range w.Secrets {
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
		if err != nil || len(key) == 0 {
			return "a secret that it is checked with is not base64"
		}
		mac := hmac.New(sha256.New, key)
		fmt.Fprintf(mac, "%s.%s.%s", id, header.Get("webhook-timestamp"), body)
		if signedBy(mac.Sum(nil), header.Get("webhook-signature")) {
			return ""
		}
	}
	return "webhook-signature is of another secret, or another message"
}

// signedBy tells whether a signature is among the many that a field holds: "v1,<base64> v1,<base64>".
func signedBy(signature []byte, field string) bool {
	for _, one := range strings.Fields(field) {
		text, isOurs := strings.CutPrefix(one, "v1,")
		given, err := base64.StdEncoding.DecodeString(text)
		if isOurs && err == nil && hmac.Equal(given, signature) {
			return true
		}
	}
	return false
}
