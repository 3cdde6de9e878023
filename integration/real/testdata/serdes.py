"""Reads and writes records with Confluent's own serdes for Python.

    serdes.py REGISTRY read avro|json TOPIC HEX        prints the record as JSON
    serdes.py REGISTRY write avro|json TOPIC SCHEMA JSON    prints the bytes in hexadecimal digits
"""
import json
import sys

from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

url, what, kind, topic = sys.argv[1:5]
client = SchemaRegistryClient({"url": url})
context = SerializationContext(topic, MessageField.VALUE)
if what == "read":
    reader = AvroDeserializer(client) if kind == "avro" else JSONDeserializer(None, schema_registry_client=client)
    record = reader(bytes.fromhex(sys.argv[5]), context)
    print(json.dumps(record, sort_keys=True, default=str, ensure_ascii=False))
else:
    schema, record = sys.argv[5], json.loads(sys.argv[6])
    writer = AvroSerializer(client, schema) if kind == "avro" else JSONSerializer(schema, client)
    print(writer(record, context).hex())
