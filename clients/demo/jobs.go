package demo

const (
	jobsPath = "demo/jobs/"
	finished = 100 // percent
)

// job is something that takes a while and says how far it is. Jobs are uneven, as real ones are.
type job struct {
	name    string
	every   int   // beats from one step to the next
	strides []int // percent that a step adds, over and over
	pause   int   // beats from the end to the next start
	percent int
	beats   int // since the last step
	steps   int
}

func newJobs() []*job {
	return []*job{
		{name: "report", every: 5, strides: []int{15, 5, 10, 20}, pause: 20},
		{name: "photos", every: 1, strides: []int{1, 0, 2, 1, 0, 0, 3}, pause: 15, percent: 40},
		{name: "index", every: 4, strides: []int{2, 9, 1, 4}, pause: 25, percent: 70},
		{name: "video", every: 3, strides: []int{1, 1, 6, 1, 2}, pause: 10, percent: 20},
		{name: "backup", every: 7, strides: []int{4, 11}, pause: 30, percent: 55},
	}
}

func (j *job) path() string { return jobsPath + j.name }

// step lets one beat go by, and tells whether the percentage has changed.
func (j *job) step() bool {
	j.beats++
	if j.percent == finished {
		if j.beats < j.pause {
			return false
		}
		j.percent, j.beats = 0, 0
		return true
	}
	if j.beats < j.every {
		return false
	}
	stride := j.strides[j.steps%len(j.strides)]
	j.beats, j.steps = 0, j.steps+1
	j.percent = min(j.percent+stride, finished)
	return stride > 0
}

// jobView is a job as GET jobs shows it.
type jobView struct {
	Path    string `json:"path"`
	Percent int    `json:"percent"`
}

func viewJobs(jobs []*job) []jobView {
	views := make([]jobView, 0, len(jobs))
	for _, j := range jobs {
		views = append(views, jobView{j.path(), j.percent})
	}
	return views
}
