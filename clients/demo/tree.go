package demo

import (
	"math/rand/v2"
	"net/http"
)

const (
	treePath = "demo/tree/"
	// idleTouches is one beat in so many at which a file is touched, and bursts one in so many of these at which a
	// whole run of files is, as when a test starts.
	idleTouches = 3
	bursts      = 12
	burst       = 6 // files
)

// file is one file of the tree, and how often it was touched.
type file struct {
	Name  string `json:"name"`
	Times int    `json:"times"`
}

// touch is the message that tells of it.
type touch struct {
	What  string `json:"what"` // read or written
	Times int    `json:"times"`
}

// tree is a small project, in which somebody seems to work. Its owner locks.
type tree struct {
	files []file
	dice  *rand.Rand
}

func newTree(dice *rand.Rand) *tree {
	t := &tree{dice: dice}
	for _, name := range []string{
		"docs/protocol.md", "docs/vectors/match.json", "src/main.go", "src/oak/leaf.go", "src/oak/leaf_test.go",
		"src/oak/trunk.go", "web/index.html", "web/page.css", "web/page.js", "Makefile", "README.md",
	} {
		t.files = append(t.files, file{Name: name})
	}
	return t
}

func (t *tree) paths() []string {
	paths := make([]string, 0, len(t.files))
	for _, f := range t.files {
		paths = append(paths, treePath+f.Name)
	}
	return paths
}

// step lets one beat go by, and returns what is to be told of it: mostly nothing, sometimes many files at once.
func (t *tree) step() []update {
	if t.dice.IntN(idleTouches) > 0 {
		return nil
	}
	first := t.dice.IntN(len(t.files))
	if t.dice.IntN(bursts) > 0 {
		return []update{t.touch(first, t.mood())}
	}
	var run []update
	for i := range burst {
		run = append(run, t.touch((first+i)%len(t.files), "read"))
	}
	return run
}

// mood is what is done to a file: more are read than written.
func (t *tree) mood() string {
	if t.dice.IntN(3) == 0 {
		return "written"
	}
	return "read"
}

func (t *tree) touch(i int, what string) update {
	t.files[i].Times++
	return update{Path: treePath + t.files[i].Name, Message: touch{what, t.files[i].Times}}
}

// write touches the file of this name, for somebody who clicked on it.
func (t *tree) write(name string) (update, error) {
	for i, f := range t.files {
		if f.Name == name {
			return t.touch(i, "written"), nil
		}
	}
	return update{}, refuse(http.StatusNotFound, "there is no file %.80q in the tree", name)
}
