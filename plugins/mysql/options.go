package mysql

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/millrace/millrace/plugins/mysql/event"
	"github.com/millrace/millrace/plugins/mysql/position"
	"github.com/millrace/millrace/plugins/mysql/rds"
	"github.com/millrace/millrace/plugins/mysql/server"
	"github.com/millrace/millrace/plugins/mysql/snapshot"
	"github.com/millrace/millrace/plugins/mysql/table"
	"github.com/millrace/millrace/plugins/mysql/value"
	"github.com/millrace/millrace/storage/kafka"
)

// This file turns the Config into those of the packages that do the work.

// serverConfig says how to connect. TIMESTAMPs are read in UTC, whatever zone
// the server is in, so that no hour is read twice when clocks are set back.
func (c *Config) serverConfig(log *slog.Logger) (server.Config, error) {
	mode, err := server.ParseTLSMode(c.Server.SSLMode)
	if err != nil {
		return server.Config{}, fmt.Errorf("database.ssl.mode: %w", err)
	}
	keys, err := c.tlsConfig(mode)
	if err != nil {
		return server.Config{}, err
	}
	token, err := c.tokens()
	if err != nil {
		return server.Config{}, err
	}
	s := server.Config{
		Token: token, NoPublicKey: c.Server.NoPublicKey,
		Host: c.Server.Host, Port: c.Server.Port, User: c.Server.User, Password: c.Server.Password,
		TLSMode: mode, TLS: keys, VerifyHost: kafka.VerifyHost, Timeout: c.Server.ConnectTimeout,
		Session:     append([]string{"SET time_zone='" + server.UTC + "'"}, c.Server.InitialStatements...),
		ProgramName: "millrace/" + c.Name, Logger: log,
	}
	if c.Server.KeepAlive {
		s.KeepAlive = c.Server.KeepAliveInterval
	}
	return s, nil
}

// tlsConfig loads the key stores, or what is trusted without them; nil where no
// certificate is looked at.
func (c *Config) tlsConfig(mode server.TLSMode) (*tls.Config, error) {
	verified := mode == server.TLSVerifyCA || mode == server.TLSVerifyIdentity
	if mode == server.TLSDisabled || c.Server.KeyStore == "" && c.Server.TrustStore == "" && !verified {
		return nil, nil
	}
	stores := kafka.Properties{}
	for name, v := range map[string]string{
		"ssl.keystore.location": c.Server.KeyStore, "ssl.keystore.password": c.Server.KeyStorePassword,
		"ssl.truststore.location": c.Server.TrustStore, "ssl.truststore.password": c.Server.TrustStorePassword,
	} {
		if v != "" {
			stores[name] = v
		}
	}
	for name, path := range map[string]string{"keystore": c.Server.KeyStore, "truststore": c.Server.TrustStore} {
		if path == "" {
			continue
		}
		if _, err := os.Stat(path); err != nil { // a Kafka client would trust the system's authorities then
			return nil, fmt.Errorf("database.ssl.%s: %w", name, err)
		}
	}
	if isPEM(c.Server.KeyStore) {
		stores["ssl.keystore.type"], stores["ssl.key.password"] = "PEM", c.Server.KeyStorePassword
		delete(stores, "ssl.keystore.password")
	}
	if isPEM(c.Server.TrustStore) { // nothing in it is secret
		stores["ssl.truststore.type"] = "PEM"
		delete(stores, "ssl.truststore.password")
	}
	config, err := kafka.ClientTLS(stores)
	var bad *kafka.PropertyError
	if errors.As(err, &bad) {
		return nil, fmt.Errorf("%s: %s", storeProperty(bad.Property), bad.Reason)
	}
	return config, err
}

// storeProperty is what Debezium calls a property of Kafka clients.
func storeProperty(name string) string {
	if name == "ssl.key.password" {
		name = "ssl.keystore.password"
	}
	return "database." + strings.TrimSuffix(name, ".location")
}

// isPEM looks into a store: the connector has no property for its type, and JKS
// and PKCS12 are told apart anyway. A file that cannot be read is none.
func isPEM(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, 4096) // openssl writes what a certificate says before it
	n, _ := io.ReadFull(f, head)
	return bytes.Contains(head[:n], []byte("-----BEGIN "))
}

// tokens makes passwords for Amazon RDS; nil where they are not wanted.
func (c *Config) tokens() (func(context.Context) (string, error), error) {
	if !c.Server.IAM {
		return nil, nil
	}
	t, err := rds.New(rds.Config{
		Host: c.Server.Host, Port: c.Server.Port, User: c.Server.User,
		Region: c.Server.IAMRegion, Profile: c.Server.IAMProfile, Role: c.Server.IAMRole,
	})
	if err != nil {
		return nil, err
	}
	return t.Token, nil
}

func (c *Config) filter() (*table.Filter, error) {
	return table.NewFilter(table.FilterConfig{
		IncludeDatabases: c.Filters.IncludeDatabases, ExcludeDatabases: c.Filters.ExcludeDatabases,
		IncludeTables: c.Filters.IncludeTables, ExcludeTables: c.Filters.ExcludeTables,
		IncludeColumns: c.Filters.IncludeColumns, ExcludeColumns: c.Filters.ExcludeColumns,
		IgnoreBuiltin: c.Filters.IgnoreBuiltin, SignalTables: c.Filters.SignalTables,
	})
}

func (c *Config) mode() (snapshot.Mode, error) {
	a := c.Snapshot.ConfigurationBased
	return snapshot.ParseMode(c.Snapshot.Mode, snapshot.Answers{
		Data: a.SnapshotData, Schema: a.SnapshotSchema, Stream: a.StartStream, OnSchemaError: a.OnSchemaError, OnDataError: a.OnDataError,
	})
}

func (c *Config) snapshotConfig(filter *table.Filter, log *slog.Logger) (snapshot.Config, error) {
	include, err := patterns("table.include.list", c.Filters.IncludeTables)
	if err != nil {
		return snapshot.Config{}, err
	}
	only, err := patterns("snapshot.include.collection.list", c.Snapshot.IncludeTables)
	if err != nil {
		return snapshot.Config{}, err
	}
	return snapshot.Config{
		Filter: filter, Locking: c.Snapshot.LockingMode, LockTimeout: c.Snapshot.LockTimeout,
		IncludeTables: include, OnlyTables: only,
		OnlyCapturedTables: c.History.OnlyCapturedTables, OnlyCapturedDatabases: c.History.OnlyCapturedDatabases,
		Order: c.Snapshot.OrderByRowCount, Overrides: c.Snapshot.Overrides, Logger: log,
		Threads: c.Snapshot.Threads, WholeTables: c.Snapshot.WholeTables, PieceRows: c.Snapshot.PieceRows,
	}, nil
}

func patterns(property, list string) (table.Patterns, error) {
	p, err := table.ParsePatterns(list)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", property, err)
	}
	return p, nil
}

func (c *Config) eventConfig(filter *table.Filter, flavor position.Flavor, task int, runID string, log *slog.Logger) (event.Config, error) {
	e := event.Config{
		Topics: event.TopicConfig{
			Strategy: c.Events.TopicNaming, Prefix: c.Prefix, Delimiter: c.Events.TopicDelimiter,
			HeartbeatPrefix: c.Events.TopicHeartbeatPrefix, HeartbeatName: c.Events.TopicHeartbeat, Transaction: c.Events.TopicTransaction,
			Regex: c.Events.TopicRegex, Replacement: c.Events.TopicReplacement, KeyUnique: c.Events.TopicKeyUnique,
			KeyField: c.Events.TopicKeyField, KeyRegex: c.Events.TopicKeyRegex, KeyReplacement: c.Events.TopicKeyReplacement,
		},
		Connector: c.Connector, Version: c.Version,
		Tombstones: c.Events.Tombstones, Skipped: c.Events.Skipped, KeyColumns: c.Events.KeyColumns,
		Headers: c.Events.Headers, Task: task, RunID: runID, Filter: filter,
	}
	var err error
	if e.SchemaNames, err = event.ParseAdjustment(c.Events.SchemaNames); err != nil {
		return e, fmt.Errorf("schema.name.adjustment.mode: %w", err)
	}
	e.Release1 = c.Generation == 1
	if c.Generation == 1 && e.SchemaNames == event.AdjustAvro {
		e.SchemaNames = event.AdjustAvro1
	}
	if e.FieldNames, err = event.ParseAdjustment(c.Events.FieldNames); err != nil {
		return e, fmt.Errorf("field.name.adjustment.mode: %w", err)
	}
	e.Value, err = c.valueOptions(flavor, log)
	return e, err
}

func (c *Config) valueOptions(flavor position.Flavor, log *slog.Logger) (value.Options, error) {
	o := value.Options{
		Unavailable: c.Events.UnavailablePlaceholder,
		AdjustYears: c.Events.TimeAdjuster, MariaDB: flavor == position.MariaDB,
		Warn: func(err error) {
			log.Warn("a value cannot be converted and becomes null; event.converting.failure.handling.mode=fail stops instead", "error", err)
		},
	}
	var err error
	choose := func(property, name string, set func(i int), names ...string) {
		for i, n := range names {
			if n == name {
				set(i)
				return
			}
		}
		if err == nil {
			err = fmt.Errorf("%s: %q is none of %s", property, name, strings.Join(names, ", "))
		}
	}
	choose("decimal.handling.mode", c.Events.DecimalMode, func(i int) { o.Decimal = value.DecimalMode(i) }, "precise", "string", "double")
	choose("time.precision.mode", c.Events.TimeMode, func(i int) { o.Time = value.TimeMode(i) },
		"adaptive_time_microseconds", "adaptive", "connect", "isostring", "microseconds", "nanoseconds")
	choose("bigint.unsigned.handling.mode", c.Events.UnsignedMode, func(i int) { o.BigintUnsigned = value.BigintMode(i) }, "long", "precise")
	choose("binary.handling.mode", c.Events.BinaryMode, func(i int) { o.Binary = value.BinaryMode(i) }, "bytes", "base64", "base64-url-safe", "hex")
	choose("event.converting.failure.handling.mode", c.Events.EventConversionFailure, func(i int) { o.OnError = value.ErrorMode(i) }, "warn", "fail", "skip")
	if err != nil {
		return o, err
	}
	for _, conv := range c.Events.Converters {
		custom, err := value.ParseCustom(conv.Class, conv.Props)
		if err != nil {
			return o, fmt.Errorf("%s.%w", conv.Name, err)
		}
		o.Custom = append(o.Custom, custom)
	}
	o.Mappers, err = c.mappers()
	return o, err
}

// mappers are the rules for columns, in the order in which Debezium tries them.
func (c *Config) mappers() ([]value.Mapper, error) {
	var byKind [5][]value.Mapper
	for _, r := range c.Events.ColumnRules {
		ps, err := patterns(r.property(), r.Columns)
		if err != nil {
			return nil, err
		}
		match := value.MatchColumns(ps)
		switch r.Kind {
		case "truncate":
			byKind[0] = append(byKind[0], value.Truncate(match, r.Length))
		case "mask":
			byKind[1] = append(byKind[1], value.Mask(match, r.Length))
		default:
			version := 1
			if r.Kind == "hash.v2" {
				version = 2
			}
			m, err := value.Hash(match, r.Hash, r.Salt, version == 2)
			if err != nil {
				return nil, fmt.Errorf("column.mask.hash: %w", err)
			}
			byKind[2+version] = append(byKind[2+version], m)
		}
	}
	propagated, err := c.propagation()
	if err != nil {
		return nil, err
	}
	byKind[2] = propagated
	var all []value.Mapper
	for _, ms := range byKind {
		all = append(all, ms...)
	}
	return all, nil
}

func (c *Config) propagation() ([]value.Mapper, error) {
	var ms []value.Mapper
	for _, p := range []struct {
		property, list string
		match          func(table.Patterns) func(table.ID, *table.Column) bool
	}{
		{"column.propagate.source.type", c.Events.PropagateColumns, value.MatchColumns},
		{"datatype.propagate.source.type", c.Events.PropagateTypes, value.MatchTypes},
	} {
		ps, err := patterns(p.property, p.list)
		if err != nil {
			return nil, err
		}
		if len(ps) > 0 {
			ms = append(ms, value.PropagateType(p.match(ps)))
		}
	}
	return ms, nil
}

// keepGTID says which sources of transactions count (gtid.source.includes and
// .excludes); nil for all.
func (c *Config) keepGTID() (func(source string) bool, error) {
	include, err := patterns("gtid.source.includes", strings.Join(c.Stream.GTIDIncludes, ","))
	if err != nil {
		return nil, err
	}
	exclude, err := patterns("gtid.source.excludes", strings.Join(c.Stream.GTIDExcludes, ","))
	switch {
	case err != nil:
		return nil, err
	case len(include) > 0:
		return include.Match, nil
	case len(exclude) > 0:
		return func(source string) bool { return !exclude.Match(source) }, nil
	}
	return nil, nil
}

// heartbeatPeriod is how often an idle server sends a sign of life: often enough
// for the keep-alive and for heartbeat.interval.ms.
func (c *Config) heartbeatPeriod() time.Duration {
	const factor = 0.8 // of connect.keep.alive.interval.ms, as in Debezium
	period := time.Duration(float64(c.Server.KeepAliveInterval) * factor)
	if h := c.Stream.HeartbeatInterval; h > 0 && h < period {
		period = h
	}
	return period
}
