#!/usr/bin/env python3
"""Records what a worker answers to configurations that cannot work: PUT /connector-plugins/CLASS/config/validate.

usage: validate.py REST_URL BOOTSTRAP MYSQL MARIADB OUT.json        (HOST:PORT each; the user debezium with the password dbz)

Each line of OUT.json holds a class, the changes to a good configuration (null: the property is left out) and the errors by
property, or the status and message of an answer that is none. Connection ids in the errors become 0, ports ${port}.
"""
import json, re, sys, urllib.error, urllib.request

CHANGES = [
    {},
    {"topic.prefix": None}, {"topic.prefix": ""}, {"topic.prefix": "a b"}, {"topic.prefix": "a/b"},
    {"database.hostname": None}, {"database.hostname": "bad host"}, {"database.hostname": "no-such-host.invalid"},
    {"database.port": "1"}, {"database.port": "x"}, {"database.port": "-1"}, {"database.port": "70000"},
    {"database.user": None}, {"database.user": "nobody"}, {"database.password": "wrong"}, {"database.password": None},
    {"database.server.id": None}, {"database.server.id": "0"}, {"database.server.id": "abc"}, {"database.server.id": "4294967296"},
    {"database.include.list": "a", "database.exclude.list": "b"}, {"table.include.list": "a.b", "table.exclude.list": "b.c"},
    {"column.include.list": "a.b.c", "column.exclude.list": "b.c.d"}, {"table.include.list": "a.(b"}, {"table.include.list": "*.b"}, {"column.exclude.list": "["},
    {"table.include.list": ""}, {"database.include.list": "a,"},
    {"snapshot.mode": "sometimes"}, {"snapshot.mode": "INITIAL"}, {"snapshot.mode": "schema_only"}, {"snapshot.mode": "custom"}, {"snapshot.mode": ""},
    {"snapshot.locking.mode": "all"}, {"snapshot.locking.mode": "minimal_percona"}, {"snapshot.query.mode": "x"},
    {"decimal.handling.mode": "exact"}, {"time.precision.mode": "adaptive"}, {"time.precision.mode": "x"}, {"bigint.unsigned.handling.mode": "x"}, {"binary.handling.mode": "x"},
    {"event.processing.failure.handling.mode": "x"}, {"inconsistent.schema.handling.mode": "x"}, {"event.converting.failure.handling.mode": "x"},
    {"schema.name.adjustment.mode": "x"}, {"field.name.adjustment.mode": "x"}, {"database.ssl.mode": "x"}, {"database.ssl.mode": "verify_identity"},
    {"max.batch.size": "0"}, {"max.queue.size": "0"}, {"max.queue.size": "10", "max.batch.size": "20"}, {"max.queue.size": "x"}, {"max.batch.size": "2147483648"}, {"max.queue.size.in.bytes": "-1"},
    {"poll.interval.ms": "0"}, {"poll.interval.ms": "x"}, {"heartbeat.interval.ms": "-5"}, {"snapshot.delay.ms": "-1"}, {"streaming.delay.ms": "x"}, {"snapshot.fetch.size": "-1"}, {"query.fetch.size": "x"},
    {"snapshot.max.threads": "0"}, {"snapshot.max.threads": "x"}, {"errors.max.retries": "x"}, {"errors.max.retries": "-2"}, {"retriable.restart.connector.wait.ms": "0"},
    {"skipped.operations": "x"}, {"skipped.operations": "c,none"}, {"skipped.operations": "c, u"}, {"skipped.operations": ""},
    {"message.key.columns": ""}, {"message.key.columns": "t"}, {"message.key.columns": "a.b:c;d"}, {"message.key.columns": "a.b:c;d.e:f,g"},
    {"signal.data.collection": "a.b,c.d"}, {"signal.data.collection": "a"}, {"signal.poll.interval.ms": "0"}, {"signal.enabled.channels": "x"},
    {"gtid.source.includes": "a", "gtid.source.excludes": "b"}, {"gtid.source.includes": "("},
    {"connect.timeout.ms": "0"}, {"connect.keep.alive.interval.ms": "x"}, {"connect.keep.alive": "maybe"}, {"min.row.count.to.stream.results": "-1"},
    {"tombstones.on.delete": "maybe"}, {"include.schema.changes": "1"}, {"provide.transaction.metadata": "yes"}, {"tombstones.on.delete": " TRUE "},
    {"converters": "a"}, {"converters": "a", "a.type": "no.Such"}, {"custom.metric.tags": "a"}, {"custom.metric.tags": "a=b,c=d"}, {"topic.naming.strategy": "no such"}, {"topic.naming.strategy": "no.Such"},
    {"sourceinfo.struct.maker": "x y"}, {"schema.history.internal": "no.Such"}, {"schema.history.internal": "not a class"},
    {"schema.history.internal.kafka.recovery.attempts": "x"}, {"schema.history.internal.skip.unparseable.ddl": "x"},
    {"column.propagate.source.type": "("}, {"datatype.propagate.source.type": "*"}, {"column.mask.with.x.chars": "a.b.c"}, {"column.mask.with.3.chars": "("}, {"column.truncate.to.0.chars": "a.b.c"},
    {"guardrail.collections.max": "-1"}, {"guardrail.collections.limit.action": "x"}, {"openlineage.integration.job.tags": "a"}, {"openlineage.integration.enabled": "x"},
    {"incremental.snapshot.chunk.size": "-1"}, {"incremental.snapshot.watermarking.strategy": "x"}, {"snapshot.tables.order.by.row.count": "x"},
    {"snapshot.select.statement.overrides": "a.b"}, {"database.initial.statements": "NONSENSE"}, {"connection.validation.timeout.ms": "0"},
    {"statistics.metrics.enabled": "x"}, {"extended.headers.enabled": "x"}, {"binlog.buffer.size": "-1"}, {"binlog.net.read.timeout": "-1"}, {"database.query.timeout.ms": "-1"}, {"database.query.timeout.ms": "x"},
    {"database.jdbc.driver": "not a class"}, {"database.protocol": "x y"}, {"ddl.parser.type": "x"}, {"post.processors": "a"}, {"notification.enabled.channels": "x"}, {"heartbeat.action.query": "x"},
    {"tasks.max": "0"}, {"tasks.max": "x"}, {"name": ""},
]


def good(cls, host, port, bootstrap):
    product = 'mysql' if cls == 'MySqlConnector' else 'mariadb'
    return {'name': 'v', 'connector.class': f'io.debezium.connector.{product}.{cls}', 'tasks.max': '1', 'topic.prefix': 'p',
            'database.hostname': host, 'database.port': port, 'database.user': 'debezium', 'database.password': 'dbz',
            'database.server.id': '77', 'schema.history.internal.kafka.topic': 'h',
            'schema.history.internal.kafka.bootstrap.servers': bootstrap}


def ask(rest, cls, config):
    r = urllib.request.Request(f'{rest}/connector-plugins/{cls}/config/validate', data=json.dumps(config).encode(),
                               method='PUT', headers={'Content-Type': 'application/json'})
    try:
        answer = json.load(urllib.request.urlopen(r, timeout=90))
    except urllib.error.HTTPError as e:
        return {'status': e.code, 'message': json.load(e)['message']}
    return {'errors': {c['value']['name']: c['value']['errors'] for c in answer['configs'] if c['value'] and c['value']['errors']}}


def main():
    rest, bootstrap, mysql, mariadb, out = sys.argv[1:]
    lines = []
    for cls, address in (('MySqlConnector', mysql), ('MariaDbConnector', mariadb)):
        host, port = address.split(':')
        for changes in CHANGES:
            config = {k: v for k, v in {**good(cls, host, port, bootstrap), **changes}.items() if v is not None}
            line = json.dumps({'class': cls, 'changes': changes, **ask(rest, cls, config)}, ensure_ascii=False)
            lines.append(re.sub(r'conn=\d+', 'conn=0', line.replace(f':{port}', ':${port}')))
    with open(out, 'w') as f:
        f.write('[\n' + ',\n'.join(lines) + '\n]\n')
    print(len(lines), 'answers')


if __name__ == '__main__':
    main()
