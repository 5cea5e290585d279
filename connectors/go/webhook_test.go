package rootsd

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os"
	"reflect"
	"testing"
	"time"
)

func TestWebhookVectors(t *testing.T) {
	text, err := os.ReadFile("../../docs/vectors/webhook.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		About string
		Cases []struct {
			Name, Why, Secret string
			Secrets           []string
			Headers           map[string]string
			Body              string
			Now               int64
			Result            any
			Error             string
		}
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&file); err != nil {
		t.Fatal(err)
	}
	for _, c := range file.Cases {
		header := make(http.Header)
		for name, value := range c.Headers {
			header.Set(name, value)
		}
		if c.Secret != "" {
			c.Secrets = []string{c.Secret}
		}
		var got any
		now := func() time.Time { return time.Unix(c.Now, 0) }
		err := Webhook{Secrets: c.Secrets, Now: now}.Verify([]byte(c.Body), header, &got)
		switch {
		case c.Error != "":
			if e, ok := err.(*Error); !ok || e.Reason != c.Error || got != nil {
				t.Errorf("%s: %v, and the message is %v; want the error %s", c.Name, err, got, c.Error)
			}
		case err != nil || !reflect.DeepEqual(got, c.Result):
			t.Errorf("%s: %v, %v, want %v", c.Name, got, err, c.Result)
		}
	}
	t.Logf("vectors: webhook %d", len(file.Cases)) // compared with other languages' counts
}

// signed is the first of the vectors.
var (
	signedBody   = []byte(`{"test": 2432232314}`)
	signedHeader = http.Header{"Webhook-Id": {"msg_p5jXN8AQM9LWM0D4loKWxJek"}, "Webhook-Timestamp": {"1614265330"},
		"Webhook-Signature": {"v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="}}
	signedThen = func() time.Time { return time.Unix(1614265330, 0) }
)

const signedSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// An empty secret is nobody's, though it can be signed with.
func TestWebhookOfAnEmptySecret(t *testing.T) {
	mac := hmac.New(sha256.New, nil)
	mac.Write([]byte("msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330."))
	mac.Write(signedBody)
	header := signedHeader.Clone()
	header.Set("Webhook-Signature", "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	for _, secret := range []string{"", "whsec_"} {
		var message any
		err := Webhook{Secrets: []string{secret}, Now: signedThen}.Verify(signedBody, header, &message)
		wantError(t, err, "signature", false)
	}
}

func TestWebhookWithoutAGoodSecret(t *testing.T) {
	var message any
	for _, secrets := range [][]string{nil, {"no base64!"}, {signedSecret + "x", signedSecret}} {
		err := Webhook{Secrets: secrets, Now: signedThen}.Verify(signedBody, signedHeader, &message)
		wantError(t, err, "signature", false)
	}
}

func TestWebhookTolerance(t *testing.T) {
	for age, good := range map[time.Duration]bool{10 * time.Second: true, 11 * time.Second: false} {
		var message any
		now := func() time.Time { return signedThen().Add(age) }
		w := Webhook{Secrets: []string{signedSecret}, Tolerance: 10 * time.Second, Now: now}
		if err := w.Verify(signedBody, signedHeader, &message); (err == nil) != good {
			t.Errorf("after %v: %v", age, err)
		}
	}
	var message any
	err := Webhook{Secrets: []string{signedSecret}}.Verify(signedBody, signedHeader, &message)
	wantError(t, err, "timestamp", false) // today
}

func TestWebhookTimes(t *testing.T) {
	for _, text := range []string{"", "+1614265330", "-1", " 1614265330", "1614265330 ", "1e9", "１", "1_0", "9e999"} {
		header := signedHeader.Clone()
		header.Set("Webhook-Timestamp", text)
		var message any
		err := Webhook{Secrets: []string{signedSecret}, Now: signedThen}.Verify(signedBody, header, &message)
		wantError(t, err, "timestamp", false)
	}
}

func TestWebhookOfAnotherForm(t *testing.T) {
	var message struct{ Test string }
	err := Webhook{Secrets: []string{signedSecret}, Now: signedThen}.Verify(signedBody, signedHeader, &message)
	wantError(t, err, "message", false)
}
