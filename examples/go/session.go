package main

import (
	"cmp"
	"crypto/rand"
	"crypto/subtle"
	"net/http"
)

// session is what a cookie stands for.
type session struct {
	User  string // "" before the login
	Token string // proves that a request comes from a page of this application
}

// An application with users of its own keeps hashes.
var passwords = map[string]string{"ada": "ada-secret", "grace": "grace-secret", "mallory": "mallory-secret"}

func sessionOf(r *http.Request) session {
	cookie, err := r.Cookie("session")
	if err != nil {
		return session{}
	}
	mu.Lock()
	defer mu.Unlock()
	return sessions[cookie.Value]
}

func csrfToken(r *http.Request) string { return sessionOf(r).Token }

// begin begins a session in place of the one that a browser had.
func begin(w http.ResponseWriter, r *http.Request, user string) session {
	s, id := session{user, rand.Text()}, rand.Text()
	mu.Lock()
	defer mu.Unlock()
	if old, err := r.Cookie("session"); err == nil {
		delete(sessions, old.Value)
	}
	sessions[id] = s
	http.SetCookie(w, &http.Cookie{Name: "session", Value: id, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode})
	return s
}

// loggedIn sends whoever is not logged in to the login.
func loggedIn(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if sessionOf(r).User == "" {
			http.Redirect(w, r, "/login", http.StatusSeeOther)
			return
		}
		next(w, r)
	}
}

// proven refuses what no page of this application has asked.
func proven(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		want, got := csrfToken(r), cmp.Or(r.Header.Get("X-CSRF-Token"), r.PostFormValue("csrf"))
		if want == "" || subtle.ConstantTimeCompare([]byte(got), []byte(want)) != 1 {
			http.Error(w, "the CSRF token is missing or wrong", http.StatusForbidden)
			return
		}
		next(w, r)
	}
}

func showLogin(w http.ResponseWriter, r *http.Request) {
	s := sessionOf(r)
	if s.Token == "" {
		s = begin(w, r, "")
	}
	show(w, "login.html", s, r.URL.Query().Has("failed"))
}

func login(w http.ResponseWriter, r *http.Request) {
	user := r.PostFormValue("username")
	if password, known := passwords[user]; !known || r.PostFormValue("password") != password {
		http.Redirect(w, r, "/login?failed", http.StatusSeeOther)
		return
	}
	begin(w, r, user) // a new one: somebody else may know the ID of the old one
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func logout(w http.ResponseWriter, r *http.Request) {
	begin(w, r, "")
	http.Redirect(w, r, "/login", http.StatusSeeOther)
}
