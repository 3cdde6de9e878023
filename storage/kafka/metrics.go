package kafka

import "github.com/rcrowley/go-metrics"

// noMetrics is the registry of clients: it keeps none of sarama's metrics. They
// would take some 60 kB for each broker of each client, time for each request,
// and nobody reads them: what Connect measures is measured by the worker.
type noMetrics struct{}

var _ metrics.Registry = noMetrics{}

// GetOrRegister returns a metric that does nothing, of the kind that was asked
// for. sarama passes a function that would make it.
func (noMetrics) GetOrRegister(_ string, metric any) any {
	switch m := metric.(type) {
	case func() metrics.Meter:
		return metrics.NilMeter{}
	case func() metrics.Counter:
		return metrics.NilCounter{}
	case func() metrics.Histogram:
		return metrics.NilHistogram{}
	case func() metrics.Gauge:
		return metrics.NilGauge{}
	case func() metrics.Timer:
		return metrics.NilTimer{}
	default:
		return m
	}
}

func (noMetrics) Each(func(string, any))            {}
func (noMetrics) Get(string) any                    { return nil }
func (noMetrics) GetAll() map[string]map[string]any { return nil }
func (noMetrics) Register(string, any) error        { return nil }
func (noMetrics) RunHealthchecks()                  {}
func (noMetrics) Unregister(string)                 {}
func (noMetrics) UnregisterAll()                    {}
