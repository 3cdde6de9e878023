package mysql

import "github.com/millrace/millrace/plugins/configdef"

// historyKeys says where the schema history is kept. Names, defaults, order and
// texts are those that Debezium 3.6.1 lists, as its users' tools show them.
func historyKeys() []configdef.Key {
	return []configdef.Key{
		{Name: "schema.history.internal", Type: configdef.Class, Default: configdef.Text("io.debezium.storage.kafka.history.KafkaSchemaHistory"), Importance: configdef.Low,
			Group: "History Storage", Order: 1, Width: configdef.WidthLong, DisplayName: "Database schema history class",
			Doc: "The name of the SchemaHistory class that should be used to store and recover database schema changes. The configuration properties for the history are prefixed with the 'schema.history.internal.' string."},
		{Name: "schema.history.internal.skip.unparseable.ddl", Type: configdef.Boolean, Default: configdef.Text("false"), Importance: configdef.Low,
			Group: "History Storage", Order: 2, Width: configdef.WidthShort, DisplayName: "Skip DDL statements that cannot be parsed",
			Doc: "Controls the action Debezium will take when it meets a DDL statement in binlog, that it cannot parse.By default the connector will stop operating but by changing the setting it can ignore the statements which it cannot parse. If skipping is enabled then Debezium can miss metadata changes."},
		{Name: "schema.history.internal.store.only.captured.tables.ddl", Type: configdef.Boolean, Default: configdef.Text("false"), Importance: configdef.Low,
			Group: "History Storage", Order: 3, Width: configdef.WidthShort, DisplayName: "Store only DDL that modifies tables that are captured based on include/exclude lists",
			Doc: "Controls what DDL will Debezium store in database schema history. By default (false) Debezium will store all incoming DDL statements. If set to true, then only DDL that manipulates a captured table will be stored."},
		{Name: "schema.history.internal.store.only.captured.databases.ddl", Type: configdef.Boolean, Default: configdef.Text("false"), Importance: configdef.Low,
			Group: "History Storage", Order: 4, Width: configdef.WidthShort, DisplayName: "Store only DDL that modifies tables of databases that are captured based on include/exclude lists",
			Doc: "Controls what DDL will Debezium store in database schema history. By default (false) Debezium will store all incoming DDL statements. If set to true, then only DDL that manipulates a table from captured schema/database will be stored."},
	}
}
