package main

import (
	"strings"
	"testing"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/install"
	"github.com/millrace/millrace/plugins/provider"
	"github.com/millrace/millrace/plugins/registry"
	"github.com/millrace/millrace/rest"
	"github.com/millrace/millrace/storage/kafka"
	"github.com/millrace/millrace/worker/settings"
)

// everyWorker is what all the configurations below have.
const everyWorker = `
group.id=cdc
config.storage.topic=cdc-configs
offset.storage.topic=cdc-offsets
status.storage.topic=cdc-status
key.converter=org.apache.kafka.connect.json.JsonConverter
value.converter=org.apache.kafka.connect.json.JsonConverter
`

// platforms are worker configurations as the platforms that run Kafka Connect make them
// or have them written; CLIENT. stands for the worker's own clients and all prefixes.
var platforms = map[string]struct {
	properties, mechanism string
	tls                   bool
}{
	"Apache Kafka's own file, with what older releases had": {`
bootstrap.servers=PLAINTEXT://a:9092, b:9092
internal.key.converter=org.apache.kafka.connect.json.JsonConverter
internal.value.converter.schemas.enable=false
rest.port=8083
rest.host.name=
plugin.path=/usr/share/java,/opt/connectors,
`, "", false},
	"Confluent Cloud": {`
bootstrap.servers=pkc-1.cloud.example:9092
CLIENT.security.protocol=SASL_SSL
CLIENT.sasl.mechanism=PLAIN
CLIENT.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule   required username='KEY'   password='a+b/c==';
CLIENT.ssl.endpoint.identification.algorithm=https
CLIENT.request.timeout.ms=20000
CLIENT.retry.backoff.ms=500
producer.interceptor.classes=io.confluent.monitoring.clients.interceptor.MonitoringProducerInterceptor
consumer.interceptor.classes=io.confluent.monitoring.clients.interceptor.MonitoringConsumerInterceptor
producer.confluent.monitoring.interceptor.security.protocol=SASL_SSL
confluent.license.topic=_confluent-command
`, "PLAIN", true},
	"Azure Event Hubs": {`
bootstrap.servers=ns.servicebus.example:9093
CLIENT.security.protocol=SASL_SSL
CLIENT.sasl.mechanism=PLAIN
CLIENT.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required username="$ConnectionString" password="Endpoint=sb://ns.servicebus.example/;SharedAccessKeyName=n;SharedAccessKey=a+b/c=";
connections.max.idle.ms=180000
metadata.max.age.ms=180000
`, "PLAIN", true},
	"Amazon MSK with IAM": {`
bootstrap.servers=b-1.demo.abc.c2.kafka.eu-west-1.amazonaws.com:9098
CLIENT.security.protocol=SASL_SSL
CLIENT.sasl.mechanism=AWS_MSK_IAM
CLIENT.sasl.jaas.config=software.amazon.msk.auth.iam.IAMLoginModule required awsProfileName=dev;
CLIENT.sasl.client.callback.handler.class=software.amazon.msk.auth.iam.IAMClientCallbackHandler
config.providers=secretManager,ssm
config.providers.secretManager.class=com.github.jcustenborder.kafka.config.aws.SecretsManagerConfigProvider
config.providers.secretManager.param.aws.region=eu-west-1
config.providers.ssm.class=com.amazonaws.kafka.config.providers.SsmParamStoreConfigProvider
config.providers.ssm.param.region=eu-west-1
`, "AWS_MSK_IAM", true},
	"Amazon MSK with IAM as OAUTHBEARER": {`
bootstrap.servers=boot-x.c3.kafka-serverless.us-east-1.amazonaws.com:9098
CLIENT.security.protocol=SASL_SSL
CLIENT.sasl.mechanism=OAUTHBEARER
CLIENT.sasl.jaas.config=org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required;
CLIENT.sasl.login.callback.handler.class=software.amazon.msk.auth.iam.IAMOAuthBearerLoginCallbackHandler
CLIENT.sasl.client.callback.handler.class=software.amazon.msk.auth.iam.IAMOAuthBearerLoginCallbackHandler
`, "OAUTHBEARER", true},
	"Strimzi with OAuth": {`
bootstrap.servers=kafka-bootstrap:9093
rest.advertised.host.name=connect-0.connect.cdc.svc
rest.advertised.port=8083
config.providers=strimzienv,strimzifile,strimzidir,strimzisecrets
config.providers.strimzienv.class=org.apache.kafka.common.config.provider.EnvVarConfigProvider
config.providers.strimzienv.param.allowlist.pattern=.*
config.providers.strimzifile.class=org.apache.kafka.common.config.provider.FileConfigProvider
config.providers.strimzidir.class=org.apache.kafka.common.config.provider.DirectoryConfigProvider
config.providers.strimzidir.param.allowed.paths=/
config.providers.strimzisecrets.class=io.strimzi.kafka.KubernetesSecretConfigProvider
CLIENT.security.protocol=SASL_PLAINTEXT
CLIENT.sasl.mechanism=OAUTHBEARER
CLIENT.sasl.jaas.config=org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required oauth.client.id="c" oauth.token.endpoint.uri="https://idp/token" oauth.client.secret="${strimzienv:STRIMZI_TEST_SECRET}"  ;
CLIENT.sasl.login.callback.handler.class=io.strimzi.kafka.oauth.client.JaasClientOauthLoginCallbackHandler
consumer.client.rack=
`, "OAUTHBEARER", false},
	"SCRAM with a Java trust store": {`
bootstrap.servers=es-1.example:443
CLIENT.security.protocol=SASL_SSL
CLIENT.sasl.mechanism=SCRAM-SHA-512
CLIENT.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required username="u" password="p";
CLIENT.ssl.protocol=TLSv1.2
CLIENT.ssl.enabled.protocols=TLSv1.2
CLIENT.ssl.endpoint.identification.algorithm=HTTPS
CLIENT.ssl.truststore.location=../../storage/kafka/testdata/tls/trust.jks
CLIENT.ssl.truststore.password=changeit
`, "SCRAM-SHA-512", true},
	"client certificates, without a look at names": {`
bootstrap.servers=kafka+ssl://ec2-1.example:9096,kafka+ssl://ec2-2.example:9096
CLIENT.security.protocol=SSL
CLIENT.ssl.endpoint.identification.algorithm=
CLIENT.ssl.keystore.type=PKCS12
CLIENT.ssl.keystore.location=../../storage/kafka/testdata/tls/server.p12
CLIENT.ssl.keystore.password=changeit
CLIENT.ssl.key.password=changeit
CLIENT.ssl.truststore.location=../../storage/kafka/testdata/tls/trust.p12
CLIENT.ssl.truststore.password=changeit
CLIENT.ssl.cipher.suites=TLS_DHE_RSA_WITH_AES_256_GCM_SHA384,TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384
`, "", true},
	"what has gathered over the years": {`
bootstrap.servers=b:9092
request.timeout.ms=20000
session.timeout.ms=30000
consumer.max.poll.records=5000
consumer.max.poll.interval.ms=900000
consumer.partition.assignment.strategy=org.apache.kafka.clients.consumer.CooperativeStickyAssignor
consumer.auto.offset.reset=earliest
producer.max.request.size=10485760
producer.buffer.memory=67108864
producer.compression.type=lz4
producer.acks=1
producer.enable.idempotence=false
producer.partitioner.class=org.apache.kafka.clients.producer.internals.DefaultPartitioner
metric.reporters=io.confluent.metrics.reporter.ConfluentMetricsReporter
confluent.metrics.reporter.bootstrap.servers=b:9092
access.control.allow.origin=*
access.control.allow.methods=GET,OPTIONS,HEAD,POST,PUT,DELETE
log4j.root.loglevel=INFO
cleanup.policy=compact
`, "", false},
}

func TestConfigurationsOfPlatforms(t *testing.T) {
	t.Setenv("KAFKA_OPTS", "")
	t.Setenv("STRIMZI_TEST_SECRET", "hush")
	plugins, err := install.Registry()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range platforms {
		t.Run(name, func(t *testing.T) {
			props := platformProperties(t, plugins, c.properties)
			if _, err := settings.ReadDistributed(props); err != nil {
				t.Error(err)
			}
			if _, err := rest.ParseConfig(props); err != nil {
				t.Error(err)
			}
			for prefix, role := range map[string]kafka.Role{"": kafka.RoleAdmin, "producer.": kafka.RoleProducer, "consumer.": kafka.RoleConsumer, "admin.": kafka.RoleAdmin} {
				client := props
				if prefix != "" {
					client = kafka.Properties{"bootstrap.servers": props["bootstrap.servers"]}.With(props.WithPrefix(prefix))
				}
				s, err := kafka.ParseSettings(role, client)
				if err != nil {
					t.Errorf("%q: %v", prefix, err)
					continue
				}
				if mechanism := mechanismOf(s); mechanism != c.mechanism || (s.TLS != nil) != c.tls {
					t.Errorf("%q: mechanism %q, TLS %v", prefix, mechanism, s.TLS != nil)
				}
			}
		})
	}
}

func mechanismOf(s *kafka.Settings) string {
	if s.SASL == nil {
		return ""
	}
	return s.SASL.Mechanism
}

// platformProperties reads a configuration as a worker does, with its providers.
func platformProperties(t *testing.T, plugins *registry.Registry, text string) kafka.Properties {
	t.Helper()
	var whole strings.Builder
	for line := range strings.Lines(everyWorker + text) {
		rest, clients := strings.CutPrefix(line, "CLIENT.")
		if !clients {
			whole.WriteString(line)
			continue
		}
		for _, prefix := range []string{"", "producer.", "consumer.", "admin."} {
			whole.WriteString(prefix + rest)
		}
	}
	props, err := kafka.ParseProperties([]byte(whole.String()))
	if err != nil {
		t.Fatal(err)
	}
	resolver, err := provider.FromProperties(props, func(class string) (*connect.Plugin, error) { return plugins.Find(class, connect.KindConfigProvider) })
	if err != nil {
		t.Fatal(err)
	}
	defer resolver.Close()
	resolved, err := resolver.Resolve(t.Context(), props)
	if err != nil {
		t.Fatal(err)
	}
	return resolved.Props
}
