// Package ingest serves back-ends: over HTTP they say what happened (POST /update) and who may hear of it (POST /connect
// and its like), and ask what is connected (GET /clients/{id}, GET /paths/{path}).
//
// A body is taken whole or not at all: it is read, checked and then given to the Dispatcher in one piece, which checks
// what only it can know before it changes anything. Errors are application/problem+json and name the entry, the field
// and the offset. POST / is the form of 2009, for connectors of that time.
//
// The package answers whoever reaches it. Keeping strangers and web pages away is the job of lane.Guard, which stands in
// front.
package ingest
