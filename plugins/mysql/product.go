package mysql

import (
	"strings"
	"sync"

	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/mysql/history"
)

// product is one of Debezium's connectors for servers with a binlog. They differ
// in what they call themselves and in a few properties; how a server is read
// follows from the server.
type product struct {
	class   string // of the connector
	name    string // what source.connector says
	version string // what source.version says
	label   string // in texts
	// absent are properties of MySQL's connector that this one lacks, changed are
	// those with another default or text.
	absent  map[string]bool
	changed map[string]func(*configdef.Key)
	choices map[string][]string // of properties with other values than MySQL's
	// comments: the schema history holds comments where include.schema.changes is
	// on, whatever include.schema.comments says (MariaDbDatabaseSchema).
	comments bool
	// sslModes gives the values of database.ssl.mode their names in MySQL's
	// connector, nil where they are the same.
	sslModes map[string]string

	declare  sync.Once
	declared declarations
	filter   sync.Once
	ignored  *history.DDLFilter // by default
	unfit    error              // why it is not there
}

// declarations are made once, as every validation needs them. Nobody changes them.
type declarations struct {
	keys     []configdef.Key
	defaults map[string]string
}

// mysqlProduct is io.debezium.connector.mysql.MySqlConnector.
func mysqlProduct() *product {
	return &product{class: "io.debezium.connector.mysql.MySqlConnector", name: "mysql", version: "3.6.1.Final", label: "MySQL"}
}

// mariadbProduct is io.debezium.connector.mariadb.MariaDbConnector, whose last
// published release is older.
func mariadbProduct() *product {
	return &product{
		class: "io.debezium.connector.mariadb.MariaDbConnector", name: "mariadb", version: "3.5.0.Final", label: "MariaDB",
		comments: true,
		absent: map[string]bool{
			"database.jdbc.driver": true, "database.protocol": true, "ddl.parser.type": true, legacyThreads: true,
			"statistics.metrics.enabled": true, "memory.management.schemas.class": true, "memory.management.tables.class": true,
			"gtid.ignore.on.recovery": true,
		},
		changed: map[string]func(*configdef.Key){
			"database.ssl.mode": func(k *configdef.Key) {
				k.Default = configdef.Text("disable")
				k.Doc = "Whether to use an encrypted connection to the database. Options include: 'disable' to use an unencrypted connection; 'trust' to use a secure (encrypted) connection, but not perform certificate or hostname verification; 'verify_ca' to use a secure (encrypted) connection, and perform certificates verification, but do not perform hostname verification; 'verify_identity' to use a secure (encrypted) connection, and perform certificate verification, and hostname verification."
			},
			"custom.sanitize.pattern": func(k *configdef.Key) {
				k.Default = configdef.Text(`.*secret$|.*password$|.*sasl\.jaas\.config$|.*basic\.auth\.user\.info|.*registry\.auth\.client-secret`)
			},
			"snapshot.mode": func(k *configdef.Key) {
				k.Doc += "; 'never': The connector does not run a snapshot. Upon first startup, the connector immediately begins reading from the beginning of the binlog. The 'never' mode should be used with care, and only when the binlog is known to contain all history."
			},
			"snapshot.locking.mode": func(k *configdef.Key) {
				k.Width = configdef.WidthNone
				k.Doc = "Controls how long the connector holds onto the global read lock while it is performing a snapshot. The default is 'minimal', meaning the connector holds the global read lock (and thus prevents updates) for just the initial portion of the snapshot while the database schemas and other metadata are being read. The remaining work in a snapshot involves selecting all rows from each table, and this can be done using the snapshot process' REPEATABLE READ transaction isolation even when the lock is no longer held and other operations are updating the database. However, in some cases it may be desirable to block all writes for the entire duration of the snapshot; in such cases set this to 'extended'. Using a value of 'none' will prevent the connector from acquiring any table locks during the snapshot process. This mode can only be used in combination with snapshot.mode values of 'schema_only' or 'schema_only_recovery' and is only safe to use if no schema changes are happening while the snapshot is taken."
			},
			"gtid.source.includes": func(k *configdef.Key) {
				k.Doc = "The source domain IDs used to include GTID ranges when determining the starting position in the MariaDB server's binlog."
			},
			"gtid.source.excludes": func(k *configdef.Key) {
				k.Doc = "The source domain IDs used to exclude GTID ranges when determining the starting position in the MariaDB server's binlog."
			},
			"sourceinfo.struct.maker": func(k *configdef.Key) {
				k.Default = configdef.Text("io.debezium.connector.mariadb.MariaDbSourceInfoStructMaker")
			},
		},
		choices: map[string][]string{
			"database.ssl.mode":     {"trust", "disable", "verify-ca", "verify-full"},
			"snapshot.locking.mode": {"minimal", "custom", "none", "extended"},
			"snapshot.mode":         {"always", "never", "initial_only", "configuration_based", "when_needed", "initial", "custom", "no_data", "recovery"},
		},
		sslModes: map[string]string{"disable": "disabled", "trust": "required", "verify-ca": "verify_ca", "verify-full": "verify_identity"},
	}
}

// legacyThreads is a property that Debezium lists twice, the second time with
// internal. before its name; older releases know that name alone.
const legacyThreads = "legacy.snapshot.max.threads"

// keys are all declared properties in the order in which Debezium lists them.
func (p *product) keys() []configdef.Key { return p.declarations().keys }

func (p *product) declarations() *declarations {
	p.declare.Do(func() {
		p.declared = declarations{p.allKeys(), map[string]string{}}
		for _, k := range p.declared.keys {
			if k.Default != nil {
				p.declared.defaults[k.Name] = *k.Default
			}
		}
	})
	return &p.declared
}

func (p *product) allKeys() []configdef.Key {
	var all []configdef.Key
	orders := map[string]int{}
	for _, group := range [...][]configdef.Key{serverKeys(), connectorKeys(), historyKeys(), eventsKeys()} {
		for _, k := range group {
			if p.absent[k.Name] {
				if k.Name != legacyThreads { // its alias stands at the same place
					orders[k.Group]--
				}
				continue
			}
			k.Order += orders[k.Group]
			if change := p.changed[k.Name]; change != nil {
				change(&k)
			}
			all = append(all, k)
		}
	}
	for i := range all {
		if all[i].Group == "MySQL" {
			all[i].Group = p.label
		}
	}
	return all
}

// ddlFilter compiles schema.history.internal.ddl.filter. The default is compiled once: its
// expressions are long, and tasks hardly ever have others.
func (p *product) ddlFilter(list string) (*history.DDLFilter, error) {
	if list != defaultDDLFilter {
		return history.NewDDLFilter(list)
	}
	p.filter.Do(func() { p.ignored, p.unfit = history.NewDDLFilter(list) })
	return p.ignored, p.unfit
}

// choicesOf lists the values of the connector's enumerations.
func (p *product) choicesOf() map[string][]string {
	all := choices()
	for name := range p.absent {
		delete(all, name)
	}
	for name, values := range p.choices {
		all[name] = values
	}
	return all
}

// sslMode gives a value of database.ssl.mode its name in MySQL's connector.
func (p *product) sslMode(mode string) string {
	if name, ok := p.sslModes[strings.ToLower(mode)]; ok {
		return name
	}
	return mode
}
