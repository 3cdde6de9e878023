package peer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
)

// StartKafkaQuorum starts n brokers that are controllers as well, with as many replicas of everything as there are
// brokers, of which one may be missing. c holds for each of them; Dir gets a directory for each.
func StartKafkaQuorum(ctx context.Context, n int, c KafkaConfig) ([]*Kafka, error) {
	configs, err := c.members(n)
	if err != nil {
		return nil, err
	}
	brokers, errs := make([]*Kafka, n), make([]error, n)
	var wg sync.WaitGroup
	for i := range configs {
		wg.Go(func() { brokers[i], errs[i] = StartKafka(ctx, configs[i]) }) // none serves before most do
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		for _, b := range brokers {
			if b != nil {
				b.Kill()
			}
		}
		return nil, err
	}
	return brokers, nil
}

// members are the configurations of the brokers of a cluster.
func (c KafkaConfig) members(n int) ([]KafkaConfig, error) {
	ports := make([]*int, 0, 2*n)
	configs := make([]KafkaConfig, n)
	for i := range configs {
		configs[i] = c
		ports = append(ports, &configs[i].Port, &configs[i].ControllerPort)
	}
	if err := fill(ports...); err != nil {
		return nil, err
	}
	var voters []string
	for i := range configs {
		voters = append(voters, fmt.Sprintf("%d@%s", i+1, local(configs[i].ControllerPort)))
	}
	replicas, enough := strconv.Itoa(n), strconv.Itoa(max(n-1, 1))
	for i := range configs {
		configs[i].Node = i + 1
		configs[i].Dir = filepath.Join(c.Dir, strconv.Itoa(i+1))
		if err := os.Mkdir(configs[i].Dir, 0o755); err != nil {
			return nil, err
		}
		configs[i].Properties = merge(map[string]string{
			"controller.quorum.voters":                 strings.Join(voters, ","),
			"default.replication.factor":               replicas,
			"min.insync.replicas":                      enough,
			"offsets.topic.replication.factor":         replicas,
			"transaction.state.log.replication.factor": replicas,
			"transaction.state.log.min.isr":            enough,
		}, c.Properties)
	}
	return configs, nil
}

// BootstrapOf is the address of a cluster.
func BootstrapOf(brokers []*Kafka) string {
	var all []string
	for _, b := range brokers {
		all = append(all, b.Bootstrap())
	}
	return strings.Join(all, ",")
}
