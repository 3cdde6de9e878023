"""Reads and writes records with Confluent's own serdes for Python.

    serdes.py REGISTRY read avro|json|protobuf TOPIC HEX [FILE MESSAGE]           prints the record as JSON
    serdes.py REGISTRY write avro|json|protobuf TOPIC SCHEMA JSON [MESSAGE]       prints the bytes in hexadecimal digits

FILE, and SCHEMA of protobuf, are a FileDescriptorProto in hexadecimal digits.
"""
import json
import sys

from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer, ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from google.protobuf import timestamp_pb2, wrappers_pb2  # noqa: F401  schemas import them

url, what, kind, topic = sys.argv[1:5]
client = SchemaRegistryClient({"url": url})
context = SerializationContext(topic, MessageField.VALUE)
FORMAT = {"use.deprecated.format": False}


def message(file, name):
    """The class of a message of a file."""
    parsed = descriptor_pb2.FileDescriptorProto.FromString(bytes.fromhex(file))
    pool = descriptor_pool.Default()
    pool.Add(parsed)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(name))


if what == "read":
    if kind == "protobuf":
        record = ProtobufDeserializer(message(sys.argv[6], sys.argv[7]), FORMAT, client)(bytes.fromhex(sys.argv[5]), context)
        record = json_format.MessageToDict(record, preserving_proto_field_name=True)
    else:
        reader = AvroDeserializer(client) if kind == "avro" else JSONDeserializer(None, schema_registry_client=client)
        record = reader(bytes.fromhex(sys.argv[5]), context)
    print(json.dumps(record, sort_keys=True, default=str, ensure_ascii=False))
else:
    schema, record = sys.argv[5], json.loads(sys.argv[6])
    if kind == "protobuf":
        made = message(schema, sys.argv[7])
        writer, record = ProtobufSerializer(made, client, FORMAT), json_format.ParseDict(record, made())
    else:
        writer = AvroSerializer(client, schema) if kind == "avro" else JSONSerializer(schema, client)
    print(writer(record, context).hex())
