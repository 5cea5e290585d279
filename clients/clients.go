// Package clients is the front-end side of Roots, as the daemon carries it: the script for browsers, the pages, and what
// serves them.
//
//	js/         Roots, the client for browsers and Node; dist/ is built from it by js/build
//	python/     the same for Python
//	look/       what the pages look like
//	demo/       the demo: a small application with pages
//	dashboard/  the page on the admin address
//	e2e/        all of it in a real browser
package clients

import (
	"embed"
	"io/fs"
)

//go:embed js/dist/roots.js js/dist/roots.mjs
var script embed.FS

//go:embed look/look.css
var look embed.FS

//go:embed dashboard/*.html dashboard/*.css dashboard/*.js
var dashboard embed.FS

// Script holds roots.js, which a script element loads, and roots.mjs, which modules import.
func Script() fs.FS { return under(script, "js/dist") }

// Look holds look.css.
func Look() fs.FS { return under(look, "look") }

// Dashboard holds the page on the admin address, but for what it shares with others: the script and the look.
func Dashboard() fs.FS { return under(dashboard, "dashboard") }

func under(files embed.FS, folder string) fs.FS {
	sub, err := fs.Sub(files, folder)
	if err != nil {
		panic(err) // the folder is one of those above
	}
	return sub
}
