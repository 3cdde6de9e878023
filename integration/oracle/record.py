#!/usr/bin/env python3
"""Play one scenario against any Kafka Connect REST endpoint and record what comes out.

The same player drives Java Connect with Debezium and millrace, so that the two recordings can be compared record by
record (see compare.py).

usage: record.py SCENARIO.yaml -o OUT.json [--rest URL] [--bootstrap HOST:PORT]
                 [--mysql HOST:PORT] [--mariadb HOST:PORT]

A scenario is a YAML file:
  describe: one line
  server: mysql | mariadb            (default mysql)
  databases: [shop]                  dropped and created before the run
  topics: {NAME: 1}                  topics to create first: name -> partitions
  superset: true                     the side compared may have more than the golden recording
  apart: [TOPIC]                     topics that are not compared, with the reason beside
  delimiter: _                       topic.delimiter, when it is not '.'
  mask: [pos, gtid]                  fields that differ from run to run, not compared
  config: {...}                      the connector's configuration, written as a user would
  steps:                             played in order
    - sql: |                         statements, each ended by ';' at a line's end
    - start: {}                      PUT the config (with these keys changed)
    - settle: 3                      wait until nothing new has come for so many seconds
    - signal: {type: ..., data: ...} a record to the connector's Kafka signal topic; a list for several at once
    - file: {type: ..., data: ...}   a line, or a list of them, in the connector's file of signals
    - rest: [PUT, /pause]            a call under /connectors/NAME
    - sleep: 2
${topic}, ${name}, ${host}, ${port}, ${bootstrap} and ${dir}, an empty directory, are replaced in the config and in SQL.
"""
import argparse, base64, json, os, re, sys, tempfile, time, urllib.parse
import pymysql, requests, yaml
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic


def split_sql(text):
    """Statements end with ';' at a line's end; DELIMITER lines change that."""
    delim, buf = ';', []
    for line in text.splitlines():
        if line.strip().upper().startswith('DELIMITER '):
            delim = line.split()[1]
            continue
        buf.append(line)
        if line.rstrip().endswith(delim):
            s = '\n'.join(buf).rstrip()
            yield s[:-len(delim)].strip()
            buf = []
    if '\n'.join(buf).strip():
        yield '\n'.join(buf).strip()


class Player:
    def __init__(self, a, sc, name):
        self.a, self.sc = a, sc
        self.topic = re.sub(r'\W', '_', name)
        self.name = f'{name}-{int(time.time())}'
        self.host, self.port = (a.mariadb if sc.get('server') == 'mariadb' else a.mysql).split(':')
        self.admin = AdminClient({'bootstrap.servers': a.bootstrap})
        self.conns = {}
        self.notes = []
        self.dir = tempfile.TemporaryDirectory(prefix='millrace-oracle-')

    def fill(self, s):
        for k, v in dict(topic=self.topic, name=self.name, host=self.host, port=self.port,
                         bootstrap=self.a.bootstrap, dir=self.dir.name).items():
            s = s.replace('${%s}' % k, v)
        return s

    def db(self, who='root'):
        if who not in self.conns:
            self.conns[who] = pymysql.connect(host=self.host, port=int(self.port), user='root', password='',
                                              charset='utf8mb4', autocommit=True)
        return self.conns[who]

    def sql(self, text, who='root'):
        with self.db(who).cursor() as c:
            for s in split_sql(self.fill(text)):
                try:
                    c.execute(s)
                except Exception as e:
                    raise SystemExit(f'SQL failed: {e}\n{s}')

    def rest(self, method, path, body=None, base=None):
        url = self.a.rest + (base or f'/connectors/{self.name}') + path
        for _ in range(60):
            r = requests.request(method, url, json=body, timeout=95)
            if r.status_code != 409:
                break
            time.sleep(1)
        return r

    def topics(self):
        md = self.admin.list_topics(timeout=15)
        pat = self.topic
        return sorted(t for t in md.topics
                      if t == pat or t.startswith((pat + '.', pat + self.sc.get('delimiter', '.'))) or t.startswith('__debezium-heartbeat.' + pat)
                      or t in self.sc.get('watch', []))

    def high(self):
        """Sum of end offsets of the scenario's topics."""
        c = Consumer({'bootstrap.servers': self.a.bootstrap, 'group.id': 'probe'})
        n = 0
        try:
            md = c.list_topics(timeout=15)
            for t in self.topics():
                if t in md.topics:
                    for p in md.topics[t].partitions:
                        n += c.get_watermark_offsets(TopicPartition(t, p), timeout=15)[1]
        finally:
            c.close()
        return n

    def settle(self, quiet, deadline=90):
        t0 = time.time()
        last, since = self.high(), time.time()
        while time.time() - t0 < deadline:
            time.sleep(0.5)
            h = self.high()
            if h != last:
                last, since = h, time.time()
            if h > 0 and time.time() - since >= quiet:
                return
            st = self.rest('GET', '/status')
            if st.ok and any(t['state'] == 'FAILED' for t in st.json()['tasks']) and time.time() - since >= quiet:
                return

    def reset(self):
        dead = self.topics()
        if dead:
            for f in self.admin.delete_topics(dead, operation_timeout=30).values():
                f.result()
            time.sleep(1)
        for t, n in (self.sc.get('topics') or {}).items():
            for f in self.admin.create_topics([NewTopic(self.fill(t), n, 1)]).values():
                f.result()
        with self.db().cursor() as c:
            c.execute("CREATE USER IF NOT EXISTS 'debezium'@'%' IDENTIFIED BY 'dbz'")
            c.execute("GRANT ALL PRIVILEGES ON *.* TO 'debezium'@'%'")
            c.execute('SHOW DATABASES')
            for (d,) in c.fetchall():
                if d not in ('mysql', 'sys', 'information_schema', 'performance_schema'):
                    c.execute(f'DROP DATABASE `{d}`')
            c.execute('RESET MASTER' if self.sc.get('server') == 'mariadb' else 'RESET BINARY LOGS AND GTIDS')
            for d in self.sc.get('databases', []):  # after the reset: Debezium fails on an empty GTID set
                c.execute(f'CREATE DATABASE `{d}`')

    def config(self, change=None):
        c = {k: self.fill(str(v).lower() if isinstance(v, bool) else str(v))
             for k, v in {**self.sc['config'], **(change or {})}.items() if v is not None}
        c['name'] = self.name
        return c

    def play(self):
        self.reset()
        for step in self.sc['steps']:
            (kind, arg), = step.items()
            if kind == 'sql':
                self.sql(arg)
            elif kind == 'start':
                r = self.rest('PUT', '/config', self.config(arg))
                if not r.ok:
                    raise SystemExit(f'start: {r.status_code} {r.text[:2000]}')
                for _ in range(90):
                    st = self.rest('GET', '/status')
                    if st.ok and st.json()['connector']['state'] == 'STOPPED':  # to be resumed
                        break
                    if st.ok and st.json()['tasks'] and st.json()['tasks'][0]['state'] in ('RUNNING', 'FAILED'):
                        break
                    time.sleep(0.5)
            elif kind == 'settle':
                self.settle(arg)
            elif kind == 'sleep':
                time.sleep(arg)
            elif kind == 'rest':
                r = self.rest(arg[0], arg[1], arg[2] if len(arg) > 2 else None)
                self.notes.append([arg[0], arg[1], r.status_code])
            elif kind == 'signal':
                p = Producer({'bootstrap.servers': self.a.bootstrap})
                for a in arg if isinstance(arg, list) else [arg]:
                    p.produce(self.fill(self.sc['config']['signal.kafka.topic']), key=self.fill(a.pop('key', self.topic)),
                              value=json.dumps(a))
                p.flush(10)
            elif kind == 'file':
                path = self.fill(self.sc['config']['signal.file'])
                with open(path + '.new', 'w') as f:
                    f.writelines(json.dumps(a) + '\n' for a in (arg if isinstance(arg, list) else [arg]))
                os.rename(path + '.new', path)  # never seen half written
            else:
                raise SystemExit(f'unknown step {kind}')
        return self.collect()

    def collect(self):
        schemas, ids = [], {}

        def decode(b):
            if b is None:
                return None
            try:
                v = json.loads(b)
            except Exception:
                try:
                    return {'$text': b.decode('utf-8')}
                except UnicodeDecodeError:
                    return {'$bytes': base64.b64encode(b).decode()}
            if isinstance(v, dict) and set(v) == {'schema', 'payload'}:
                k = json.dumps(v['schema'])
                if k not in ids:
                    ids[k] = len(schemas)
                    schemas.append(v['schema'])
                return {'$schema': ids[k], 'payload': v['payload']}
            return v

        out = {}
        apart = [self.fill(t) for t in self.sc.get('apart', [])]
        names = [t for t in self.topics() if t not in apart]
        c = Consumer({'bootstrap.servers': self.a.bootstrap, 'group.id': 'rec', 'enable.auto.commit': False,
                      'auto.offset.reset': 'earliest', 'isolation.level': 'read_committed', 'enable.partition.eof': True})
        md = c.list_topics(timeout=15)
        for t in names:
            recs = []
            parts = sorted(md.topics[t].partitions)
            c.assign([TopicPartition(t, p, 0) for p in parts])
            eof = set()
            while len(eof) < len(parts):
                m = c.poll(10)
                if m is None:
                    break
                if m.error():
                    eof.add(m.partition())
                    continue
                r = {'key': decode(m.key()), 'value': decode(m.value())}
                if len(parts) > 1:
                    r['partition'] = m.partition()
                if m.headers():
                    r['headers'] = [[k, decode(v)] for k, v in m.headers()]
                recs.append(r)
            if len(parts) > 1:
                recs.sort(key=lambda r: r['partition'])
            out[t] = {'partitions': len(parts), 'records': recs}
        c.close()
        st = self.rest('GET', '/status').json()
        off = self.rest('GET', '/offsets')
        tk = self.rest('GET', '/tasks')
        return {
            'describe': self.sc.get('describe', ''),
            'mask': self.sc.get('mask', []),
            **({'superset': True} if self.sc.get('superset') else {}),
            'config': self.config(),
            'schemas': schemas,
            'topics': out,
            'offsets': off.json() if off.ok else off.status_code,
            'status': {'connector': st.get('connector', {}).get('state'),
                       'tasks': [{'state': t['state'], **({'trace': t['trace'].splitlines()[0]} if t.get('trace') else {})}
                                 for t in st.get('tasks', [])], 'type': st.get('type')},
            'rest': self.notes,
        }


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('scenario')
    p.add_argument('-o', '--out', required=True)
    p.add_argument('--rest', default='http://127.0.0.1:8083')
    p.add_argument('--bootstrap', default='127.0.0.1:9092')
    p.add_argument('--mysql', default='127.0.0.1:3306')
    p.add_argument('--mariadb', default='127.0.0.1:3307')
    p.add_argument('--keep', action='store_true', help='leave the connector in place')
    a = p.parse_args()
    with open(a.scenario) as f:
        sc = yaml.safe_load(f)
    name = re.sub(r'\.ya?ml$', '', a.scenario.split('/')[-1])
    pl = Player(a, sc, name)
    try:
        rec = pl.play()
    finally:
        if not a.keep:
            pl.rest('DELETE', '')
    text = json.dumps(rec, ensure_ascii=False).replace(pl.name, name).replace(pl.dir.name, '${dir}')
    with open(a.out, 'w') as f:
        json.dump(json.loads(text), f, ensure_ascii=False, indent=1)
        f.write('\n')
    n = {t: len(v['records']) for t, v in rec['topics'].items()}
    print(name, rec['status']['connector'], [t['state'] for t in rec['status']['tasks']], n)


if __name__ == '__main__':
    main()
