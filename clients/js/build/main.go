// Build makes dist/roots.js, for script elements, and dist/roots.mjs, for modules, out of src: one file each, minified.
//
//	go run ./clients/js/build, or make script
package main

import (
	"fmt"
	"os"

	"github.com/evanw/esbuild/pkg/api"
)

// internal matches the names of what the client's parts have for one another, which may be made short: none that is in
// the API, in an option, in a message between tabs, or in the platform.
const internal = "^(alive|asker|begin|changed|connection|drop|handlers|hear|heard|key|open|pattern|reload|render|" +
	"report|rest|shared|take|tell|wanted)$"

func main() {
	if err := write("clients/js"); err != nil {
		fmt.Fprintln(os.Stderr, "build:", err)
		os.Exit(1)
	}
}

// builds are the files of dist, and what makes their text of the package in a folder.
var builds = map[string]func(folder string) ([]byte, error){"roots.js": script, "roots.mjs": module}

// write builds all files of the package in folder.
func write(folder string) error {
	for name, text := range builds {
		built, err := text(folder)
		if err != nil {
			return err
		}
		if err := os.WriteFile(folder+"/dist/"+name, built, 0o644); err != nil {
			return err
		}
		fmt.Printf("%s/dist/%s: %d bytes\n", folder, name, len(built))
	}
	return nil
}

func script(folder string) ([]byte, error) { return bundle(folder+"/src/global.js", api.FormatIIFE) }

func module(folder string) ([]byte, error) { return bundle(folder+"/src/roots.js", api.FormatESModule) }

// bundle returns what entry comes to, with all that it imports.
func bundle(entry string, format api.Format) ([]byte, error) {
	result := api.Build(api.BuildOptions{
		EntryPoints: []string{entry}, Bundle: true, Format: format, Target: api.ES2022, Charset: api.CharsetUTF8,
		MinifyWhitespace: true, MinifyIdentifiers: true, MinifySyntax: true,
		MangleProps: internal,
	})
	if len(result.Errors) > 0 {
		return nil, fmt.Errorf("%s: %s", entry, result.Errors[0].Text)
	}
	return result.OutputFiles[0].Contents, nil
}
