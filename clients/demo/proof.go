package demo

import (
	"crypto/rand"
	"crypto/subtle"
	"net/http"
)

// The names are those of Django's convention, which roots.js keeps by itself.
const (
	proofCookie = "csrftoken"
	proofHeader = "X-CSRFToken"
	// proofLength is that of what rand.Text returns: 26 characters, 130 bits.
	proofLength = 26
)

// giveProof sets the cookie whose value requests have to bring in a header too. A page of another site can have a browser
// send the cookie, but cannot read it. The cookie has no path, and so belongs to the folder of the page, wherever that is.
func giveProof(w http.ResponseWriter, r *http.Request) {
	for _, cookie := range r.CookiesNamed(proofCookie) {
		if len(cookie.Value) == proofLength {
			return // of this visit, in another tab perhaps
		}
	}
	http.SetCookie(w, &http.Cookie{
		Name: proofCookie, Value: rand.Text(), SameSite: http.SameSiteStrictMode, Secure: r.TLS != nil,
	})
}

// checkProof refuses a request that does not bring its cookie's value. Other applications on the same host may have
// cookies of the same name, so any of them will do: other sites can read none.
func checkProof(r *http.Request) error {
	given := r.Header.Get(proofHeader)
	for _, cookie := range r.CookiesNamed(proofCookie) {
		if given != "" && subtle.ConstantTimeCompare([]byte(cookie.Value), []byte(given)) == 1 {
			return nil
		}
	}
	return refuse(http.StatusForbidden, "the request lacks the page's proof: header %s with the value of cookie %s; load the page again",
		proofHeader, proofCookie)
}
