package mysql

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strings"

	gomysql "github.com/go-mysql-org/go-mysql/mysql"

	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/mysql/event"
	"github.com/millrace/millrace/plugins/mysql/position"
	"github.com/millrace/millrace/plugins/mysql/server"
)

// Plugins describes the package's connectors.
func Plugins() []connect.Plugin {
	var plugins []connect.Plugin
	for _, p := range []*product{mysqlProduct(), mariadbProduct()} {
		plugins = append(plugins, connect.Plugin{
			Class: p.class, Version: p.version, Kind: connect.KindSource,
			TaskClass:     p.class + "Task",
			Def:           configdef.New(p.keys()...),
			NewConnector:  func() connect.Connector { return &connector{product: p} },
			NewSourceTask: func() connect.SourceTask { return newTask(p) },
		})
	}
	return plugins
}

// connector hands its configuration to a single task: a binlog has one order.
type connector struct {
	product *product
	config  map[string]string
}

var (
	_ connect.Connector          = (*connector)(nil)
	_ connect.Validator          = (*connector)(nil)
	_ connect.ExactlyOnceSupport = (*connector)(nil)
)

// Start implements connect.Connector. What keeps the task from working is
// logged here already, where the connector was created.
func (c *connector) Start(ctx context.Context, cc connect.ConnectorContext, config map[string]string) error {
	c.config = maps.Clone(config)
	cfg, err := c.product.parse(config, cc.Logger())
	if err != nil {
		return err
	}
	go warnOfProblems(ctx, cfg, cc.Logger())
	return nil
}

// warnOfProblems logs what the task will fail for. It ends by itself, within
// the connection's timeout.
func warnOfProblems(ctx context.Context, cfg *Config, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(ctx, cfg.Server.ValidationTimeout)
	defer cancel()
	mode, err := cfg.mode()
	if err != nil {
		return // the task says so
	}
	conn, err := open(ctx, cfg, log)
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }()
	problems, err := serverProblems(ctx, conn, mode, cfg.Stream.FillRows)
	if err != nil {
		log.Warn("the server could not be checked", "error", err)
	}
	for _, problem := range problems {
		log.Warn("the task will fail", "problem", problem)
	}
}

// TaskConfigs implements connect.Connector.
func (c *connector) TaskConfigs(_ context.Context, maxTasks int) ([]map[string]string, error) {
	if maxTasks > 1 {
		return nil, errors.New("Only a single connector task may be started")
	}
	return []map[string]string{maps.Clone(c.config)}, nil
}

// Stop implements connect.Connector.
func (c *connector) Stop(context.Context) error { return nil }

// SupportsExactlyOnce implements connect.ExactlyOnceSupport.
func (c *connector) SupportsExactlyOnce(map[string]string) bool { return true }

// Validate implements connect.Validator: the properties, and when all are well
// the connection (BinlogConnector.validateConnection).
func (c *connector) Validate(ctx context.Context, config map[string]string) *configdef.Result {
	log := slog.New(slog.DiscardHandler)
	result := c.product.validate(modernise(config, log))
	if result.ErrorCount() > 0 {
		return result
	}
	cfg, err := c.product.parse(config, log)
	if err == nil {
		err = cfg.check(log)
	}
	if err != nil {
		result.AddError(blamed(result, err), err.Error())
		return result
	}
	if problem := c.product.checkConnection(ctx, cfg); problem != "" {
		result.AddError("database.hostname", problem)
	}
	return result
}

// check finds what Debezium's validation lets pass and the task would fail for.
func (c *Config) check(log *slog.Logger) error {
	filter, err := c.filter()
	if err != nil {
		return err
	}
	if _, err := c.mode(); err != nil {
		return err
	}
	if _, err := c.keepGTID(); err != nil {
		return err
	}
	events, err := c.eventConfig(filter, position.MySQL, 0, "", log)
	if err != nil {
		return err
	}
	_, err = event.NewBuilder(events, nil)
	return err
}

// blamed is the property that an error begins with, or the one that Debezium
// blames for all that has none.
func blamed(result *configdef.Result, err error) string {
	name, _, _ := strings.Cut(err.Error(), ":")
	if result.Get(name) != nil {
		return name
	}
	return "database.hostname"
}

// checkConnection says in Debezium's words why the server cannot be reached;
// what Debezium leaves unsaid goes to the log.
func (p *product) checkConnection(ctx context.Context, cfg *Config) string {
	ctx, cancel := context.WithTimeout(ctx, cfg.Server.ValidationTimeout)
	defer cancel()
	log := slog.Default().With("connector", cfg.Name)
	conn, err := open(ctx, cfg, log)
	if err == nil {
		_ = conn.Close() // it was only tried
		return ""
	}
	log.Error("the database cannot be reached", "error", err)
	var refused *server.Error
	switch {
	case ctx.Err() != nil:
		return fmt.Sprintf("Connection validation timed out after %d ms", cfg.Server.ValidationTimeout.Milliseconds())
	case errors.As(err, &refused) && unreachable(refused.Kind):
		return p.unreachable(cfg, refused.Kind)
	}
	return "Unable to connect: " + rootMessage(err)
}

// unreachable is what the connector's driver says of a server that does not
// answer.
func (p *product) unreachable(cfg *Config, k server.Kind) string {
	if p.name == mysqlProduct().name {
		return "Error during connection validation: io.debezium.DebeziumException: Failed to establish connection with the database: "
	}
	why := "Connection refused"
	if k == server.KindUnknownHost {
		why = cfg.Server.Host
	}
	return fmt.Sprintf("Unable to connect: Socket fail to connect to %s:%d. %s", cfg.Server.Host, cfg.Server.Port, why)
}

func unreachable(k server.Kind) bool {
	return k == server.KindUnknownHost || k == server.KindUnreachable || k == server.KindTimeout || k == server.KindNotMySQL
}

// rootMessage is what the server said, where it said something.
func rootMessage(err error) string {
	var said *gomysql.MyError
	if errors.As(err, &said) {
		return said.Message
	}
	return err.Error()
}

func open(ctx context.Context, cfg *Config, log *slog.Logger) (*server.Conn, error) {
	sc, err := cfg.serverConfig(log)
	if err != nil {
		return nil, err
	}
	return server.Connect(ctx, sc)
}

// partition is the source partition of a connector.
func partition(prefix string) map[string]any { return position.Partition(prefix) }
