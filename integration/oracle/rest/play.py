#!/usr/bin/env python3
"""Send the requests of cases.txt, in order, to a Kafka Connect REST endpoint and record the answers.

usage: play.py --rest URL --bootstrap HOST:PORT --out OUT.json [cases.txt]   record (the topics rest-* are deleted first)
       play.py --compare GOLDEN.json ACTUAL.json            compare, case by case

The worker must be alone in a fresh group (not one called rest), without exactly-once support for sources, with the
file connectors, the built-in transforms and the Debezium MySQL connector as plugins. A case is 'METHOD PATH [BODY]'; '~' before it means: repeat until
two answers in a row are alike (a state that is still settling); '@N' sleeps N seconds; '#' comments.
"""
import json, re, sys, time
import requests
from confluent_kafka.admin import AdminClient


def cases(text):
    for line in text.splitlines():
        line = line.strip()
        if line and not line.startswith('#'):
            yield line


def call(base, line):
    m = re.match(r'(\S+)\s+(\S+)\s*(.*)', line)
    method, path, body = m.groups()
    h = {'Accept': 'application/json'}
    if body:
        h['Content-Type'] = 'application/json'
    r = None
    for _ in range(20):
        r = requests.request(method, base + path, data=body.encode() if body else None, headers=h, timeout=95)
        if r.status_code != 409 or 'rebalance' not in r.text:
            break
        time.sleep(0.5)
    try:
        b = r.json()
    except ValueError:
        b = {'$text': r.text}
    b = json.loads(re.sub(r"location='[^']*'", "location='<location>'", json.dumps(b)))
    out = {'case': line, 'status': r.status_code, 'type': r.headers.get('Content-Type'), 'body': b}
    if 'Location' in r.headers:
        out['location'] = r.headers['Location'].replace(base, '')
    return out


def record(base, text):
    out = []
    for line in cases(text):
        if line.startswith('@'):
            time.sleep(float(line[1:]))
            continue
        if line.startswith('~'):
            line, last = line[1:], None
            for _ in range(40):
                r = call(base, line)
                if last is not None and r['body'] == last['body']:
                    break
                last = r
                time.sleep(1)
            out.append(r)
        else:
            out.append(call(base, line))
    return out


# What only a Java worker can say: the list of its own plugins, and the class of an exception before its message.
JAVA_ONLY = [(re.compile(r'available connectors are: .*', re.S), 'available connectors are: <list>'),
             (re.compile(r'\b(?:[a-z]+\.)+[A-Z]\w*(?:Exception|Error): '), '')]

# Listed by Java, not asked of a worker under test.
OUT_OF_SCOPE = re.compile(r'\.mirror\.|openlineage|ActivateTracingSpan')


def mask(v, key=None):
    if isinstance(v, dict):
        return {k: mask(x, k) for k, x in sorted(v.items())}
    if isinstance(v, list):
        v = [mask(x) for x in v]
        if key == 'recommended_values':  # Java names a plugin once for each place that has it
            return [x for x in dict.fromkeys(v) if not OUT_OF_SCOPE.search(str(x))]
        return sorted(v, key=json.dumps) if key in (None, 'tasks', 'topics') else v
    if key in ('version', 'commit', 'kafka_cluster_id', 'trace', 'worker_id', 'last_modified') and v is not None:
        return f'<{key}>'
    if isinstance(v, str):
        for text, instead in JAVA_ONLY:
            v = text.sub(instead, v)
    return v


def without_more(want, got, key=None):
    """Leave out plugins that are recommended besides Java's: more are welcome, fewer are a difference."""
    if isinstance(want, dict) and isinstance(got, dict):
        return {k: without_more(want.get(k), v, k) for k, v in got.items()}
    if key == 'recommended_values' and isinstance(want, list) and isinstance(got, list):
        return [x for x in got if x in want or '.' not in str(x)]
    if isinstance(want, list) and isinstance(got, list) and len(want) == len(got):
        return [without_more(w, g) for w, g in zip(want, got)]
    return got


def compare(golden, actual):
    same = better = 0
    for g, a in zip(golden, actual):
        if g['status'] == 500 and a['status'] == 400 and isinstance(a['body'], dict) and a['body'].get('message'):
            better += 1  # Java answers bad input with its own exception; a 400 that says what is wrong is right
            continue
        diff = [k for k in ('status', 'type', 'location') if g.get(k) != a.get(k)]
        want, got = mask(g['body']), mask(a['body'])
        got = without_more(want, got)
        if g['case'].startswith(('PUT', 'POST')) and isinstance(want, dict) and isinstance(got, dict) and 'config' in want:
            want.pop('tasks', None), got.pop('tasks', None)  # whether the tasks are there yet is a race
        if g['case'].startswith('GET /connector-plugins') and isinstance(want, list) and 'class' in str(want[:1]):
            got = [x for x in got if x in want] if isinstance(got, list) else got  # more plugins are welcome
            want = [x for i, x in enumerate(want) if x not in want[:i] and not OUT_OF_SCOPE.search(x['class'])]
            got = [x for x in got if not OUT_OF_SCOPE.search(x['class'])]
        if want != got:
            diff.append('body')
        if diff:
            print('DIFFERS', g['case'][:150], diff)
            for k in diff:
                print('    want', json.dumps(g.get(k))[:400])
                print('    got ', json.dumps(a.get(k))[:400])
        else:
            same += 1
    print(f'{same + better}/{len(golden)} answers equal or better: {same} equal, {better} better (400 with a message where Java fails with 500)')
    return same + better == len(golden) == len(actual)


if __name__ == '__main__':
    a = sys.argv[1:]
    if a and a[0] == '--compare':
        sys.exit(0 if compare(json.load(open(a[1])), json.load(open(a[2]))) else 1)
    if not {'--rest', '--out', '--bootstrap'} <= set(a):
        sys.exit(__doc__)
    base, out = a[a.index('--rest') + 1], a[a.index('--out') + 1]
    files = [x for i, x in enumerate(a) if not x.startswith('--') and (i == 0 or a[i - 1] not in ('--rest', '--out', '--bootstrap'))]
    admin = AdminClient({'bootstrap.servers': a[a.index('--bootstrap') + 1]})
    dead = [t for t in admin.list_topics(timeout=15).topics if t.startswith('rest-')]
    for done in (admin.delete_topics(dead) if dead else {}).values():
        done.result()
    time.sleep(1)
    with open('/tmp/rest-in.txt', 'w') as f:
        f.write('one\ntwo\nthree\n')
    with open(files[0] if files else __file__.replace('play.py', 'cases.txt')) as f:
        rec = record(base, f.read())
    with open(out, 'w') as f:
        json.dump(rec, f, indent=1, ensure_ascii=False)
        f.write('\n')
    print(len(rec), 'answers recorded')
