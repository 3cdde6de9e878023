#!/usr/bin/env python3
"""Measure one worker on the MySQL connector: snapshot rate, catch-up rate, latency, CPU and memory.

usage: load.py --rest URL --pid PID [--rows 1000000] [--bootstrap ..] [--mysql ..] [--only snapshot,stream,latency]
                [--set key=value ...]

The same work for every worker, so run it on two workers one after the other, in the same minute, and
compare the ratios: these machines are noisy. The table is sysbench's (id, k, c CHAR(120), pad CHAR(60)).
  snapshot  a fresh connector copies ROWS rows; from the PUT to the last record in the topic
  stream    the connector is stopped, ROWS rows are inserted (200 a transaction), it resumes and catches up
  latency   single-row commits, 200 a second; commit to the record being readable (read_uncommitted)
CPU is the worker's own seconds per million rows; RSS its peak while the phase ran.
"""
import argparse, json, os, random, string, sys, threading, time
import pymysql, requests
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient

TICK = os.sysconf('SC_CLK_TCK')


def cpu(pid):
    f = open(f'/proc/{pid}/stat').read().rsplit(')', 1)[1].split()
    return (int(f[11]) + int(f[12])) / TICK


def peak_reset(pid):
    open(f'/proc/{pid}/clear_refs', 'w').write('5')


def status(pid, key):
    for line in open(f'/proc/{pid}/status'):
        if line.startswith(key):
            return int(line.split()[1]) / 1024


class Bench:
    def __init__(self, a):
        self.a = a
        host, port = a.mysql.split(':')
        self.db = pymysql.connect(host=host, port=int(port), user='root', password='', autocommit=True)
        self.name = f'bench-{int(time.time())}'
        self.topic = f'{self.name}.bench.t'
        self.cfg = {
            'connector.class': 'io.debezium.connector.mysql.MySqlConnector', 'tasks.max': '1',
            'database.hostname': host, 'database.port': port, 'database.user': 'debezium', 'database.password': 'dbz',
            'database.server.id': str(random.randint(10000, 99999)), 'topic.prefix': self.name,
            'database.include.list': 'bench',
            'schema.history.internal.kafka.topic': f'{self.name}.history',
            'schema.history.internal.kafka.bootstrap.servers': a.bootstrap,
            'key.converter': 'org.apache.kafka.connect.json.JsonConverter', 'key.converter.schemas.enable': 'false',
            'value.converter': 'org.apache.kafka.connect.json.JsonConverter', 'value.converter.schemas.enable': 'false',
            **dict(x.split('=', 1) for x in a.set or [])}
        self.probe = Consumer({'bootstrap.servers': a.bootstrap, 'group.id': 'bench'})

    def q(self, s):
        with self.db.cursor() as c:
            c.execute(s)
            return c.fetchall()

    def rest(self, method, path, body=None):
        for _ in range(100):
            r = requests.request(method, f'{self.a.rest}/connectors/{self.name}{path}', json=body, timeout=95)
            if r.status_code != 409:
                r.raise_for_status()
                return r
            time.sleep(0.2)
        raise SystemExit('409 for too long')

    def end(self):
        try:
            return self.probe.get_watermark_offsets(TopicPartition(self.topic, 0), timeout=10, cached=False)[1]
        except Exception:
            return 0

    def until(self, n, deadline):
        t0 = time.time()
        while self.end() < n:
            if time.time() - t0 > deadline:
                raise SystemExit(f'only {self.end()} of {n} records after {deadline} s')
            time.sleep(0.02)

    def fill(self, first, n):
        """n rows by INSERT ... SELECT from a number table, 200 a transaction."""
        self.q('CREATE TABLE IF NOT EXISTS bench_seq.n (i INT PRIMARY KEY)')
        if self.q('SELECT COUNT(*) FROM bench_seq.n')[0][0] != 200:
            self.q('INSERT INTO bench_seq.n VALUES ' + ','.join(f'({i})' for i in range(200)))
        for b in range(first, first + n, 200):
            self.q(f"INSERT INTO bench.t SELECT {b}+i, (({b}+i)*7919)%500000, LEFT(REPEAT(SHA2({b}+i,256),2),120), "
                   f"LEFT(SHA2({b}+i,224),56) FROM bench_seq.n")

    def phase(self, name, n, go, done):
        pid = self.a.pid
        c0 = cpu(pid)
        peak_reset(pid)
        t0 = time.time()
        go()
        self.until(done, 900)
        dt = time.time() - t0
        c1 = cpu(pid)
        out = {'phase': name, 'rows': n, 'seconds': round(dt, 2), 'rows_per_s': round(n / dt),
               'cpu_s_per_million': round((c1 - c0) / n * 1e6, 2), 'peak_rss_mib': round(status(pid, 'VmHWM'), 1)}
        print(json.dumps(out), flush=True)
        return out

    def run(self):
        a, n = self.a, self.a.rows
        only = a.only.split(',')
        self.q("CREATE USER IF NOT EXISTS 'debezium'@'%' IDENTIFIED BY 'dbz'")
        self.q("GRANT ALL PRIVILEGES ON *.* TO 'debezium'@'%'")
        print(json.dumps({'phase': 'idle', 'rss_mib': round(status(a.pid, 'VmRSS'), 1)}), flush=True)
        for d in ('bench', 'bench_seq'):
            self.q(f'CREATE DATABASE IF NOT EXISTS {d}')
        self.q('CREATE TABLE IF NOT EXISTS bench.t (id INT NOT NULL PRIMARY KEY, k INT NOT NULL DEFAULT 0, '
               "c CHAR(120) NOT NULL DEFAULT '', pad CHAR(60) NOT NULL DEFAULT '', KEY k_1 (k))")
        have = self.q('SELECT COUNT(*) FROM bench.t')[0][0]
        want = n if 'snapshot' in only else 0
        if have != want or want and self.q('SELECT MAX(id) FROM bench.t')[0][0] != want - 1:
            self.q('TRUNCATE TABLE bench.t')
            self.fill(0, want)
        start = lambda: self.rest('PUT', '/config', self.cfg)
        try:
            if want:
                self.phase('snapshot', n, start, n)
            else:
                start()
            time.sleep(6)
            base = self.end()
            if 'stream' in only:
                self.rest('PUT', '/stop')
                time.sleep(3)
                self.fill(10_000_000, n)
                self.phase('stream', n, lambda: self.rest('PUT', '/resume'), base + n)
                base += n
            if 'latency' in only:
                self.latency(base)
        finally:
            try:
                self.rest('DELETE', '')
            except Exception as e:
                print(e, file=sys.stderr)
            self.q('DELETE FROM bench.t WHERE id >= 10000000')

    def latency(self, base):
        seen, sent = {}, {}
        c = Consumer({'bootstrap.servers': self.a.bootstrap, 'group.id': 'lat', 'isolation.level': 'read_uncommitted',
                      'fetch.wait.max.ms': 5})
        c.assign([TopicPartition(self.topic, 0, base)])
        stop = threading.Event()

        def read():
            while not stop.is_set():
                m = c.poll(0.5)
                if m and not m.error() and m.value():
                    seen[json.loads(m.value())['after']['id']] = time.time()
        th = threading.Thread(target=read)
        th.start()
        time.sleep(2)
        for i in range(2000):
            k = 20_000_000 + i
            self.q(f"INSERT INTO bench.t VALUES ({k},1,'c','p')")
            sent[k] = time.time()
            time.sleep(0.005)
        t0 = time.time()
        while len(seen) < len(sent) and time.time() - t0 < 30:
            time.sleep(0.1)
        stop.set()
        th.join()
        c.close()
        d = sorted((seen[k] - sent[k]) * 1000 for k in seen)
        pick = lambda p: round(d[min(len(d) - 1, int(len(d) * p))], 2)
        print(json.dumps({'phase': 'latency', 'commits': len(sent), 'seen': len(d), 'ms_p50': pick(.5), 'ms_p99': pick(.99),
                          'ms_max': round(d[-1], 2)}), flush=True)


if __name__ == '__main__':
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--rest', default='http://127.0.0.1:8083')
    p.add_argument('--pid', type=int, required=True, help='the worker process')
    p.add_argument('--rows', type=int, default=1_000_000)
    p.add_argument('--bootstrap', default='127.0.0.1:9092')
    p.add_argument('--mysql', default='127.0.0.1:3306')
    p.add_argument('--only', default='snapshot,stream,latency')
    p.add_argument('--set', nargs='*', help='connector properties')
    Bench(p.parse_args()).run()
