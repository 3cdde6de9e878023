package kafka

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"

	"github.com/IBM/sarama"
)

// cluster is a sarama client that knows brokers and controller without the
// metadata of every topic: sarama's own asks for all topics or, set to ask for
// those in use only, does not connect before the first is used.
type cluster struct {
	sarama.Client
	bootstrap []string

	mu         sync.Mutex // held while connecting, so that one caller at a time does
	brokers    map[int32]*sarama.Broker
	controller int32
	id         string
}

var _ sarama.Client = (*cluster)(nil)

// newCluster connects to one broker and learns the others from it.
func newCluster(bootstrap []string, cfg *sarama.Config) (*cluster, error) {
	c, err := sarama.NewClient(bootstrap, cfg)
	if err != nil {
		return nil, err
	}
	k := &cluster{Client: c, bootstrap: bootstrap, brokers: map[int32]*sarama.Broker{}, controller: -1}
	if err := k.refresh(); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return k, nil
}

// refresh asks the first broker that answers for the state of the cluster.
func (k *cluster) refresh() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	var errs []error
	for _, b := range k.brokers {
		if err := k.ask(b); err == nil {
			return nil
		}
	}
	for _, i := range rand.Perm(len(k.bootstrap)) {
		b := sarama.NewBroker(k.bootstrap[i])
		err := k.ask(b)
		_ = b.Close()
		if err == nil {
			return nil
		}
		errs = append(errs, fmt.Errorf("broker %s: %w", k.bootstrap[i], err))
		if errors.Is(err, sarama.ErrSASLAuthenticationFailed) {
			break // the other brokers will not think otherwise
		}
	}
	return errors.Join(errs...)
}

func (k *cluster) ask(b *sarama.Broker) error {
	if err := b.Open(k.Config()); err != nil && !errors.Is(err, sarama.ErrAlreadyConnected) {
		return err
	}
	if _, err := b.Connected(); err != nil {
		_ = b.Close() // so that the next attempt dials again
		return err
	}
	r, err := b.DescribeCluster(sarama.NewDescribeClusterRequest(k.Config().Version))
	switch {
	case errors.Is(err, sarama.ErrUnsupportedVersion):
		return k.askOld(b)
	case err != nil:
		_ = b.Close()
		return err
	case r.Err != sarama.ErrNoError:
		return r.Err
	}
	k.controller, k.id = r.ControllerID, r.ClusterID
	known := map[int32]string{}
	for _, d := range r.Brokers {
		known[d.BrokerID] = fmt.Sprintf("%s:%d", d.Host, d.Port)
	}
	k.keep(known)
	return nil
}

// askOld serves brokers from before Kafka 2.8, which answer with all topics.
func (k *cluster) askOld(b *sarama.Broker) error {
	r, err := b.GetMetadata(sarama.NewMetadataRequest(k.Config().Version, nil))
	if err != nil {
		_ = b.Close()
		return err
	}
	k.controller = r.ControllerID
	if r.ClusterID != nil {
		k.id = *r.ClusterID
	}
	known := map[int32]string{}
	for _, d := range r.Brokers {
		known[d.ID()] = d.Addr()
	}
	k.keep(known)
	return nil
}

// keep drops brokers that are gone or have moved and adds new ones.
func (k *cluster) keep(known map[int32]string) {
	for id, b := range k.brokers {
		if known[id] != b.Addr() {
			_ = b.Close()
			delete(k.brokers, id)
		}
	}
	for id, addr := range known {
		if k.brokers[id] == nil {
			k.brokers[id] = sarama.NewBroker(addr)
		}
	}
}

// Controller returns a connection to the controller.
func (k *cluster) Controller() (*sarama.Broker, error) {
	if b := k.cached(); b != nil {
		return b, nil
	}
	return k.RefreshController()
}

func (k *cluster) controllerID() int32 {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.controller
}

func (k *cluster) cached() *sarama.Broker {
	k.mu.Lock()
	defer k.mu.Unlock()
	b := k.brokers[k.controller]
	if b == nil {
		return nil
	}
	if err := b.Open(k.Config()); err != nil && !errors.Is(err, sarama.ErrAlreadyConnected) {
		return nil
	}
	if ok, err := b.Connected(); !ok || err != nil {
		_ = b.Close()
		return nil
	}
	return b
}

// RefreshController looks the controller up anew.
func (k *cluster) RefreshController() (*sarama.Broker, error) {
	if k.Closed() {
		return nil, sarama.ErrClosedClient
	}
	if err := k.refresh(); err != nil {
		return nil, err
	}
	if b := k.cached(); b != nil {
		return b, nil
	}
	return nil, sarama.ErrControllerNotAvailable
}

// Brokers lists the brokers of the cluster.
func (k *cluster) Brokers() []*sarama.Broker {
	k.mu.Lock()
	defer k.mu.Unlock()
	list := make([]*sarama.Broker, 0, len(k.brokers))
	for _, b := range k.brokers {
		list = append(list, b)
	}
	return list
}

// Broker finds a broker by its id.
func (k *cluster) Broker(id int32) (*sarama.Broker, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	b := k.brokers[id]
	if b == nil {
		return nil, sarama.ErrBrokerNotFound
	}
	_ = b.Open(k.Config())
	return b, nil
}

// Close ends all connections.
func (k *cluster) Close() error {
	k.mu.Lock()
	for _, b := range k.brokers {
		_ = b.Close()
	}
	clear(k.brokers)
	k.mu.Unlock()
	return k.Client.Close()
}
