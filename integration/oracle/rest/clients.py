#!/usr/bin/env python3
"""Record how a Java worker describes the properties of its Kafka clients, which connectors override.

usage: clients.py --rest URL --log FILE --out worker/connconf/clients.json

The worker must have the file connectors, exactly-once support for sources, and have run a source and a sink with a dead
letter queue, since its log is where the names of all properties come from.
"""
import json, re, sys
import requests

CLIENTS = {'producer': 'ProducerConfig', 'consumer': 'ConsumerConfig', 'admin': 'AdminClientConfig'}


def names(log, config):
    """The names of all properties, out of a dump such as 'ProducerConfig values:'."""
    found = set()
    for block in re.findall(config + r' values: ?\n((?:\t.*\n)+)', log):
        found |= set(re.findall(r'^\t([\w.]+) = ', block, re.M))
    if not found:
        sys.exit(f'{config} is not in the log')
    return sorted(found)


def describe(rest, client, properties):
    """Ask for one property at a time: a value that does not parse fails the whole request."""
    kind, more = ('Source', {'topic': 't'}) if client == 'producer' else ('Sink', {'topics': 't', 'errors.deadletterqueue.topic.name': 'q'})
    for name in properties:
        for value in ('1', 'true', 'org.apache.kafka.common.serialization.StringSerializer', 'all'):
            body = {'connector.class': f'FileStream{kind}', 'name': 'x', 'file': '/tmp/x', **more, f'{client}.override.{name}': value}
            r = requests.put(f'{rest}/connector-plugins/FileStream{kind}/config/validate', json=body, timeout=60)
            if r.status_code == 200:
                break
        else:
            sys.exit(f'{client}.override.{name}: {r.status_code} {r.text}')
        for c in r.json()['configs']:
            d = c['definition']
            if c['value']['name'] == f'{client}.override.{name}' and d:  # null for those that a client keeps to itself
                yield {'name': name, **{k: d[k] for k in ('type', 'required', 'default_value', 'importance', 'documentation')}}
                rest_of_it = [d[k] for k in ('group', 'order_in_group', 'width', 'display_name', 'dependents')]
                if rest_of_it[0] not in (None, '') or rest_of_it[1:] != [-1, 'NONE', name, []]:
                    sys.exit(f'{client}.override.{name}: {d}')


if __name__ == '__main__':
    a = dict(zip(sys.argv[1::2], sys.argv[2::2]))
    if set(a) != {'--rest', '--log', '--out'}:
        sys.exit(__doc__)
    with open(a['--log']) as f:
        log = f.read()
    shared = {}  # many properties are described alike for several clients
    for client, config in CLIENTS.items():
        for d in describe(a['--rest'], client, names(log, config)):
            shared.setdefault(json.dumps(d, sort_keys=True), (d, []))[1].append(client)
    with open(a['--out'], 'w') as f:
        f.write('[\n' + ',\n'.join(json.dumps({'clients': c, **d}, ensure_ascii=False) for d, c in shared.values()) + '\n]\n')
    print(len(shared), 'descriptions recorded')
