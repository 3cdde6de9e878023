package server

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/millrace/millrace/plugins/mysql/position"
)

// Grants are the privileges of a user, in upper case.
type Grants struct {
	flavor position.Flavor
	user   string // as in 'name'@'host'
	global map[string]bool
	scoped map[string]map[string]bool // by `database`.* or `database`.`table`
}

// Grants reads the privileges of the current user, those of its active roles included.
func (c *Conn) Grants(ctx context.Context) (*Grants, error) {
	rows, err := c.All(ctx, "SHOW GRANTS")
	if err != nil {
		return nil, fmt.Errorf("reading the user's privileges: %w", err)
	}
	g := parseGrants(c.flavor, firstColumn(rows))
	if row, err := c.one(ctx, "SELECT CURRENT_USER()"); err == nil && len(row) > 0 {
		name, host, _ := strings.Cut(row[0].String, "@")
		g.user = QuoteText(name) + "@" + QuoteText(host)
	}
	return g, nil
}

func parseGrants(f position.Flavor, lines []string) *Grants {
	g := &Grants{flavor: f, user: "CURRENT_USER", global: map[string]bool{}, scoped: map[string]map[string]bool{}}
	for _, line := range lines {
		rest, ok := strings.CutPrefix(line, "GRANT ")
		if !ok {
			continue
		}
		list, rest, ok := strings.Cut(rest, " ON ")
		if !ok { // a role
			continue
		}
		scope, _, _ := strings.Cut(rest, " TO ")
		g.add(list, strings.TrimPrefix(scope, "TABLE "))
	}
	return g
}

func (g *Grants) add(list, scope string) {
	set := g.global
	if scope != "*.*" {
		if g.scoped[scope] == nil {
			g.scoped[scope] = map[string]bool{}
		}
		set = g.scoped[scope]
	}
	for _, p := range splitPrivileges(list) {
		set[p] = true
	}
}

// splitPrivileges splits a list such as "SELECT, INSERT (a, b), RELOAD".
func splitPrivileges(list string) []string {
	var out []string
	depth, from := 0, 0
	for i := 0; i <= len(list); i++ {
		switch {
		case i < len(list) && list[i] == '(':
			depth++
		case i < len(list) && list[i] == ')':
			depth--
		case i == len(list) || list[i] == ',' && depth == 0:
			p, _, _ := strings.Cut(list[from:i], "(")
			out = append(out, strings.ToUpper(strings.TrimSpace(p)))
			from = i + 1
		}
	}
	return out
}

// synonyms are the names under which servers list the same privilege.
var synonyms = [][]string{
	{"REPLICATION CLIENT", "BINLOG MONITOR"},
	{"REPLICATION SLAVE", "REPLICATION REPLICA"},
}

func spellings(privilege string) []string {
	for _, s := range synonyms {
		if slices.Contains(s, privilege) {
			return s
		}
	}
	return []string{privilege}
}

// Has reports whether the user has a privilege everywhere (ON *.*).
func (g *Grants) Has(privilege string) bool {
	return g.global["ALL PRIVILEGES"] || g.global["ALL"] || slices.ContainsFunc(spellings(privilege), func(p string) bool { return g.global[p] })
}

// HasAnywhere reports whether the user has a privilege everywhere or on any
// database or table.
func (g *Grants) HasAnywhere(privilege string) bool {
	if g.Has(privilege) {
		return true
	}
	for _, set := range g.scoped {
		if set[privilege] || set["ALL PRIVILEGES"] || set["ALL"] {
			return true
		}
	}
	return false
}

// Needs says what a connector is going to do.
type Needs struct {
	Snapshot bool // reads tables and locks them
	// GlobalLock is set when the snapshot takes FLUSH TABLES WITH READ LOCK.
	GlobalLock bool
	Stream     bool // reads the binlog
}

// Missing is one privilege that is needed and not there.
type Missing struct {
	Privilege string
	Why       string
	Statement string // what a database administrator should run
}

// String says what is missing and how to mend it.
func (m Missing) String() string {
	return fmt.Sprintf("the user has no %s privilege, which is needed to %s; run %s", m.Privilege, m.Why, m.Statement)
}

// Missing lists the privileges that the user lacks.
func (g *Grants) Missing(n Needs) []Missing {
	var out []Missing
	need := func(wanted bool, privilege, why string, has bool) {
		if wanted && !has {
			out = append(out, Missing{privilege, why, "GRANT " + privilege + " ON *.* TO " + g.user})
		}
	}
	client := "REPLICATION CLIENT"
	if g.flavor == position.MariaDB {
		client = "BINLOG MONITOR"
	}
	need(n.Snapshot, "SELECT", "read the tables", g.HasAnywhere("SELECT"))
	need(n.Snapshot && n.GlobalLock, "RELOAD", "lock the tables while the snapshot begins (or set snapshot.locking.mode to none)",
		g.Has("RELOAD") || g.Has("FLUSH_TABLES"))
	need(n.Stream, "REPLICATION SLAVE", "read the binlog", g.Has("REPLICATION SLAVE"))
	need(n.Snapshot || n.Stream, client, "find out where the binlog stands", g.Has(client))
	return out
}
