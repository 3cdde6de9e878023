#!/usr/bin/env python3
"""Call every command and method of kafka-connect-py against a worker and print what each of them says.

usage: kc.py URL FILE      FILE has two lines of text, for the file connectors

What differs from worker to worker by nature (addresses, the commit) is masked, so that the output for one worker can
be compared with that for another.
"""
import json, re, subprocess, sys, time, os
from kafka_connect import KafkaConnect

URL, FILE = sys.argv[1:]
KC = os.path.join(os.path.dirname(sys.executable), 'kc')
library = KafkaConnect(URL)


def masked(text):
    text = text.replace(URL, 'URL')
    text = re.sub(r'127\.0\.0\.1:\d+', 'WORKER', text)
    return re.sub(r'"commit": "\w+"', '"commit": "COMMIT"', text)


def readable(value):
    """Objects and lists of names are printed in order: the worker's own says nothing."""
    if isinstance(value, list) and all(isinstance(x, str) for x in value):
        value = sorted(value)
    return masked(json.dumps(value, sort_keys=True))


def say(what, value):
    print(f'{what}: {value}', flush=True)


def kc(*args, show=readable):
    """Run the command line client."""
    p = subprocess.run([KC, '--url', URL, *args], capture_output=True, text=True, timeout=120)
    out = p.stdout.strip()
    try:
        value = json.loads(out)
        out = show(value)
    except ValueError:
        value, out = None, masked(out)
    say('kc ' + ' '.join(a.replace(FILE, 'FILE') for a in args) + (f' (exit {p.returncode})' if p.returncode else ''), out)
    if p.stderr.strip():
        say('stderr', masked(p.stderr.strip().splitlines()[-1]))
    return value


def method(name, *args, show=readable, **more):
    """Call a method of the library."""
    try:
        value = show(getattr(library, name)(*args, **more))
    except Exception as e:
        value = f'{type(e).__name__}: {masked(str(e))}'
    say(f'{name}{args}{more or ""}'.replace(FILE, 'FILE'), value)


def settle(connector, state, tasks):
    """Wait until a connector and its tasks are in a state; nothing is printed."""
    for _ in range(600):
        try:
            s = library.get_connector_status(connector)
            if s['connector']['state'] == state and [t['state'] for t in s['tasks']] == [state] * tasks:
                return
        except Exception:
            pass
        time.sleep(0.1)
    sys.exit(f'{connector} is not {state} with {tasks} tasks: {s}')


def until(holds):
    """Wait for what comes some time after a request."""
    for _ in range(600):
        if holds():
            return
        time.sleep(0.1)
    sys.exit('waited in vain')


def config(prefix, file, **more):
    return {'connector.class': 'FileStreamSource', 'tasks.max': '1', 'file': file, 'topic': f'{prefix}-lines', **more}


def file_plugins(plugins):
    return readable([p for p in plugins if '.connect.file.' in p['class']])


def created(connector):
    return readable({k: v for k, v in connector.items() if k != 'tasks'})  # whether they are there yet is a race


kc('info')
kc('list')
kc('list-plugins', show=file_plugins)
method('validate_connector_config', 'FileStreamSource', config('v', FILE, name='v', **{'tasks.max': 'none'}),
       show=lambda v: readable([v['name'], v['error_count'], v['groups'], [c['value'] for c in v['configs'] if c['value']['errors']]]))

kc('create', '-d', json.dumps({'name': 'kc-one', 'config': config('kc-one', FILE)}), show=created)
settle('kc-one', 'RUNNING', 1)
kc('create', '-d', json.dumps({'name': 'kc-one', 'config': config('kc-one', FILE)}))
kc('create', '-d', json.dumps({'name': 'kc-bad', 'config': config('kc-bad', FILE, **{'connector.class': 'no.such.Class'})}))
kc('create', '-d', 'no json')
kc('update', 'kc-two', '-d', json.dumps(config('kc-two', FILE)), show=created)
settle('kc-two', 'RUNNING', 1)
kc('update', 'kc-two', '-d', json.dumps(config('kc-two', FILE, **{'batch.size': '7'})), show=created)
settle('kc-two', 'RUNNING', 1)
until(lambda: library.list_connector_tasks('kc-two')[0]['config'].get('batch.size') == '7')
settle('kc-two', 'RUNNING', 1)

kc('list')
kc('list', '--expand', 'status')
kc('list', '--expand', 'info')
kc('list', '--pattern', 'kc-o.*')
kc('list', '--state', 'PAUSED')
kc('get', 'kc-one')
kc('get', 'kc-none')
kc('config', 'kc-two')
kc('status', 'kc-one')
kc('status', 'kc-none')
kc('list-tasks', 'kc-two')
kc('task-status', 'kc-one', '0')
kc('task-status', 'kc-one', '4')

kc('restart-task', 'kc-one', '0')
settle('kc-one', 'RUNNING', 1)
kc('restart-task', 'kc-one', '9')
method('restart_connector', 'kc-one')
settle('kc-one', 'RUNNING', 1)
method('restart_connector', 'kc-one', include_tasks=True)
time.sleep(3)  # the request goes through the config topic, and until then nothing has changed
settle('kc-one', 'RUNNING', 1)
method('restart_connector', 'kc-one', include_tasks=True, only_failed=True)
method('restart_connector', 'kc-none')
kc('restart', 'kc-one', '--include-tasks', '--only-failed')
method('restart_all_connectors', include_tasks=True, pattern='kc-t')
time.sleep(3)
settle('kc-two', 'RUNNING', 1)

kc('pause', 'kc-one')
settle('kc-one', 'PAUSED', 1)
kc('status', 'kc-one')
kc('list', '--state', 'PAUSED')
kc('resume', 'kc-one')
settle('kc-one', 'RUNNING', 1)
kc('pause', '--all', '--pattern', 'kc-.*')
settle('kc-one', 'PAUSED', 1)
settle('kc-two', 'PAUSED', 1)
kc('resume', '--all')
settle('kc-one', 'RUNNING', 1)
settle('kc-two', 'RUNNING', 1)
kc('pause', 'kc-none')
method('stop_connector', 'kc-one')
settle('kc-one', 'STOPPED', 0)
kc('status', 'kc-one')
kc('list-tasks', 'kc-one')
method('stop_all_connectors', pattern='kc-t.*')
settle('kc-two', 'STOPPED', 0)
method('stop_connector', 'kc-none')
kc('resume', 'kc-two')
settle('kc-two', 'RUNNING', 1)

kc('create', '-d', json.dumps({'name': 'kc-three', 'config': config('kc-three', FILE)}), show=created)
settle('kc-three', 'RUNNING', 1)
until(lambda: library.list_connector_topics('kc-three')['kc-three']['topics'])
kc('list-topics', 'kc-three')
kc('reset-topics', 'kc-three')
until(lambda: not library.list_connector_topics('kc-three')['kc-three']['topics'])
kc('list-topics', 'kc-three')

kc('delete', 'kc-one')
kc('delete', 'kc-none')
until(lambda: library.list_connectors() == ['kc-three', 'kc-two'] or library.list_connectors() == ['kc-two', 'kc-three'])
kc('delete', '--all')
until(lambda: not library.list_connectors())
kc('list')
