package distributed

import (
	"errors"
	"fmt"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/millrace/millrace/herder"
	"github.com/millrace/millrace/herder/gossip"
	"github.com/millrace/millrace/herder/group"
	"github.com/millrace/millrace/storage/state"
)

// command carries out one line of a transcript:
//
//	worker NAME [protocol=P] [delay=D]     a worker starts and reads the config topic
//	put W CONNECTOR n=TASKS [k=v...] [target=T] [new]
//	delete|pause|resume|stop|restart W CONNECTOR
//	restart-task W TASK
//	plan W CONNECTOR [tasks] [failed]      restart request
//	fence|modify W CONNECTOR;  owned W TASK GENERATION;  level W LOGGER LEVEL;  ping W
//	wants W CONNECTOR                      a connector asks for reconfiguration
//	expired W CONNECTOR                    values of its config providers expired
//	kill W                                 a worker dies; its session ends at once
//	lost W                                 a worker finds that its session is over
//	gossip W [WORKER=LOAD | WORKER=gone | at:WORKER=gone]...  what W knows by gossip, true or not
//	lag W / catchup W                      the config topic does not reach W / does again
//	hold W ACTION / let W                  ends of an action are held back / delivered
//	fail W ACTION                          the next such action fails
//	fenced W                               the next write of W meets another leader
//	time DURATION                          time passes
//	quietly LINE                           LINE without its trace
//	show                                   who runs what
func (s *sim) command(f []string) {
	if f[0] == "quietly" {
		s.quiet = true
		s.command(f[1:])
		s.advance(time.Millisecond)
		s.quiet = false
		return
	}
	if f[0] == "time" {
		s.advance(parseDuration(s, f[1]))
		return
	}
	if f[0] == "show" {
		s.show()
		return
	}
	if f[0] == "worker" {
		s.newWorker(f[1], options(f[2:]))
		return
	}
	w := s.workers[f[1]]
	if w == nil {
		s.t.Fatalf("no worker %q in %q", f[1], f)
	}
	switch f[0] {
	case "kill":
		delete(s.workers, w.name)
		for _, to := range w.asked {
			if p := strings.Fields(to); p[0] == "publish" && s.workers[p[1]] != nil {
				s.send(s.workers[p[1]], Published{Name: p[2], Err: errors.New("the connection is lost")})
			}
		}
		s.leave(w)
	case "lost":
		s.group.members = remove(s.group.members, w.name)
		delete(s.group.joined, w.name)
		s.group.preparing, w.syncing, w.again = false, false, false
		s.step(w, GroupEvent{group.Lost{Reason: "silence"}}) // no later than the coordinator's session ends
		s.later(s.prepare)
	case "gossip":
		s.gossip(w, options(f[2:]))
	case "lag":
		w.lagging = true
	case "catchup":
		w.lagging = false
		s.catchUp(w)
	case "hold":
		w.holding = f[2]
	case "let":
		w.holding = ""
		for _, e := range w.held {
			s.send(w, e)
		}
		w.held = nil
		if a := w.heldSync; a != nil {
			w.heldSync = nil
			s.sync(w, *a)
		}
	case "fail":
		w.failing = f[2]
	case "fenced":
		w.fenced = true
	case "wants":
		s.send(w, ReconfigurationWanted{f[2]})
	case "expired":
		s.send(w, SecretsExpired{f[2]})
	default:
		id := s.ask(w, s.request(f))
		w.asked[id] = strings.Join(append(f[:1:1], f[2:]...), " ")
	}
}

func (s *sim) request(f []string) Request {
	switch f[0] {
	case "put":
		o := options(f[3:])
		r := herder.PutRequest{Name: f[2], Config: o, Target: state.Target(o["target"]), Replace: o["new"] == ""}
		delete(o, "target")
		delete(o, "new")
		return PutWanted{PutRequest: r}
	case "delete":
		return DeleteWanted{f[2]}
	case "pause":
		return TargetWanted{f[2], state.TargetPaused}
	case "resume":
		return TargetWanted{f[2], state.TargetStarted}
	case "stop":
		return TargetWanted{f[2], state.TargetStopped}
	case "restart":
		return RestartWanted{f[2]}
	case "restart-task":
		return TaskRestartWanted{taskID(s, f[2])}
	case "plan":
		o := options(f[3:])
		return PlanWanted{herder.RestartRequest{Connector: f[2], IncludeTasks: o["tasks"] != "", OnlyFailed: o["failed"] != ""}}
	case "fence":
		return FenceWanted{f[2], true}
	case "modify":
		return ModifyWanted{f[2]}
	case "owned":
		n, _ := strconv.Atoi(f[3])
		return StillOwned{taskID(s, f[2]), n}
	case "level":
		return LevelWanted{f[2], f[3]}
	case "ping":
		return Ping{}
	}
	s.t.Fatalf("unknown command %q", f)
	return nil
}

// gossip tells a worker about others, by their newest member ids.
func (s *sim) gossip(w *simWorker, about map[string]string) {
	peers := map[string]gossip.Peer{}
	for name, text := range about {
		load, err := strconv.Atoi(text)
		if err != nil && text != "gone" {
			s.t.Fatalf("gossip about %s=%s", name, text)
		}
		key := s.joined[name]
		if of, ok := strings.CutPrefix(name, "at:"); ok {
			key = "http://" + of + "/"
		}
		peers[key] = gossip.Peer{Gone: text == "gone", Load: load}
	}
	s.send(w, PeersChanged{peers})
}

func remove(list []string, name string) []string {
	var out []string
	for _, x := range list {
		if x != name {
			out = append(out, x)
		}
	}
	return out
}

// options reads k=v; a word alone stands for itself.
func options(f []string) map[string]string {
	o := map[string]string{}
	for _, x := range f {
		k, v, ok := strings.Cut(x, "=")
		if !ok {
			v = k
		}
		o[k] = v
	}
	return o
}

func taskID(s *sim, name string) state.TaskID {
	i := strings.LastIndex(name, "-")
	n, err := strconv.Atoi(name[i+1:])
	if err != nil {
		s.t.Fatal(err)
	}
	return state.TaskID{Connector: name[:i], Task: n}
}

func parseDuration(s *sim, text string) time.Duration {
	d, err := time.ParseDuration(text)
	if err != nil {
		s.t.Fatal(err)
	}
	return d
}

func (s *sim) newWorker(name string, o map[string]string) {
	cfg := CoreConfig{
		Protocol: group.Sessioned, MaxDelay: 5 * time.Minute, SyncTimeout: 3 * time.Second, KeyTTL: time.Hour,
		KeyAlgorithm: "HmacSHA256", KeySize: 32, RequestWait: 30 * time.Second, TopicTracking: true,
	}
	if p, ok := o["protocol"]; ok {
		parsed, err := group.ParseProtocol(p)
		if err != nil {
			s.t.Fatal(err)
		}
		cfg.Protocol = parsed
	}
	if d, ok := o["delay"]; ok {
		cfg.MaxDelay = parseDuration(s, d)
	}
	w := &simWorker{name: name, core: NewCore(cfg), asked: map[int]string{}, running: map[string]bool{}}
	s.workers[name] = w
	s.send(w, ConfigsRead{s.log, s.key})
}

func (s *sim) show() {
	for _, name := range sortedNames(s.workers) {
		w := s.workers[name]
		role := ""
		if w.core.leading() {
			role = " (leader)"
		}
		s.printf("%s%s runs %v", name, role, sortedNames(w.running))
	}
}

// describe gives an action in a few words; "" for those that are not shown.
func describe(a Action) string {
	switch a := a.(type) {
	case Log, Reply:
		return ""
	case Join:
		held := group.Work{}
		if a.Standing.Current != nil {
			held = a.Standing.Current.Assigned
		}
		return fmt.Sprintf("Join offset %d holding %v", a.Standing.Offset, held)
	case Sync:
		var parts []string
		for m, x := range a.Assignments {
			p := fmt.Sprintf("%s +%v", m, x.Assigned)
			if !x.Revoked.Empty() {
				p += fmt.Sprintf(" -%v", x.Revoked)
			}
			if x.Error != 0 {
				p += fmt.Sprintf(" error %d", x.Error)
			}
			if x.Delay != 0 {
				p += fmt.Sprintf(" delay %v", x.Delay)
			}
			parts = append(parts, fmt.Sprintf("%s offset %d", p, x.Offset))
		}
		sort.Strings(parts)
		return fmt.Sprintf("Sync generation %d: %s", a.Generation, strings.Join(parts, "; "))
	case StartTask:
		return fmt.Sprintf("StartTask %v generation %d", a.ID, a.Generation)
	case Stop:
		if a.Lost {
			return fmt.Sprintf("Stop %v at once", a.Work)
		}
		return fmt.Sprintf("Stop %v", a.Work)
	case Restart:
		mark := ""
		if a.Mark {
			mark = " marking RESTARTING"
		}
		return fmt.Sprintf("Restart %v%s", a.Work, mark)
	case Release:
		return fmt.Sprintf("Release gone %v", a.Gone)
	case PublishTasks:
		return fmt.Sprintf("PublishTasks %s %d to %s", a.Name, len(a.Configs), a.Leader)
	case Write:
		if p, ok := a.Op.(PutTasks); ok {
			return fmt.Sprintf("Write PutTasks %s %d", p.Name, len(p.Configs))
		}
		return fmt.Sprintf("Write %s %v", kind(a.Op), a.Op)
	case Refresh:
		return "Refresh"
	case FenceProducers:
		return fmt.Sprintf("FenceProducers %s %d", a.Name, a.Tasks)
	case PlanRestart:
		return a.RestartRequest.String()
	}
	return strings.TrimSpace(fmt.Sprintf("%s %s", kind(a), strings.Trim(fmt.Sprint(a), "{}")))
}
