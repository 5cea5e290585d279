// Command go is a to-do list for several people: a login, lists that some of them share, and a page for each list.
package main

import (
	"cmp"
	"context"
	"embed"
	"encoding/json"
	"html/template"
	"log"
	"net/http"
	"os"
	"strconv"

	rootsd "github.com/rootsd/rootsd/connectors/go"
)

//go:embed templates
var files embed.FS

var templates = template.Must(template.ParseFS(files, "templates/*.html"))

var roots = rootsd.New(rootsd.Config{})

func main() {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /login", showLogin)
	mux.HandleFunc("POST /login", proven(login))
	mux.HandleFunc("POST /logout", proven(logout))
	mux.HandleFunc("GET /{$}", loggedIn(showLists))
	mux.HandleFunc("GET /lists/{list}", loggedIn(showList))
	mux.HandleFunc("GET /lists/{list}/items", loggedIn(listItems))
	mux.HandleFunc("POST /lists/{list}/items", proven(addItem))
	mux.HandleFunc("POST /items/{item}", proven(tickItem))
	mux.Handle("/server/", &rootsd.Endpoint{Connector: roots, MayHear: mayHear, Proof: rootsd.HeaderProof(csrfToken)})

	port := cmp.Or(os.Getenv("PORT"), "8000")
	log.Print("listening at http://localhost:" + port)
	log.Fatal(http.ListenAndServe("127.0.0.1:"+port, mux))
}

// A user may hear of the lists that are theirs.
func mayHear(r *http.Request, path string) bool {
	return listOf(sessionOf(r).User, path) != nil
}

func showLists(w http.ResponseWriter, r *http.Request) {
	show(w, "index.html", sessionOf(r), listsOf(sessionOf(r).User))
}

func showList(w http.ResponseWriter, r *http.Request) {
	if l := askedList(w, r); l != nil {
		show(w, "list.html", sessionOf(r), l)
	}
}

func listItems(w http.ResponseWriter, r *http.Request) {
	if l := askedList(w, r); l != nil {
		answer(w, http.StatusOK, itemsOf(l))
	}
}

func addItem(w http.ResponseWriter, r *http.Request) {
	var asked struct{ Text string }
	if l := askedList(w, r); l != nil && read(w, r, &asked) {
		saved(w, http.StatusCreated, add(l, asked.Text))
	}
}

func tickItem(w http.ResponseWriter, r *http.Request) {
	var asked struct{ Done bool }
	if !read(w, r, &asked) {
		return
	}
	id, _ := strconv.Atoi(r.PathValue("item")) // no item has the ID 0
	if i, ok := tick(sessionOf(r).User, id, asked.Done); ok {
		saved(w, http.StatusOK, i)
	} else {
		http.NotFound(w, r)
	}
}

// saved answers with an item that was stored.
func saved(w http.ResponseWriter, status int, i item) {
	if _, err := roots.Update(context.Background(), rootsd.Update{Path: i.list, Message: i}); err != nil {
		log.Print(err)
	}
	answer(w, status, i)
}

// askedList returns the list that a request is about. Where the user is no member of it, it answers, and returns nil.
func askedList(w http.ResponseWriter, r *http.Request) *list {
	l := listOf(sessionOf(r).User, "lists/"+r.PathValue("list"))
	if l == nil {
		http.NotFound(w, r)
	}
	return l
}

func read(w http.ResponseWriter, r *http.Request, body any) bool {
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 10_000)).Decode(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
	}
	return err == nil
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func show(w http.ResponseWriter, name string, s session, data any) {
	if err := templates.ExecuteTemplate(w, name, map[string]any{"Session": s, "Data": data}); err != nil {
		log.Print(err)
	}
}
