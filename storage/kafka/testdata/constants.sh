#!/bin/sh
# Prints class and name of each constant that may be a client property: sh constants.sh kafka-clients-4.3.1.jar > constants-4.3.1.tsv
for class in clients.producer.ProducerConfig clients.consumer.ConsumerConfig clients.admin.AdminClientConfig \
    clients.CommonClientConfigs common.config.SaslConfigs common.config.SslConfigs common.config.SecurityConfig; do
  javap -constants -cp "$1" org.apache.kafka.$class |
    sed -n 's/.* static final java.lang.String \([A-Z0-9_]*\) = "\([a-z0-9.]*\)";/\1 \2/p' |
    awk -v class="${class##*.}" '$1 !~ /_DOC$/ && NF == 2 { print class "\t" $2 }'
done | LC_ALL=C sort -u
