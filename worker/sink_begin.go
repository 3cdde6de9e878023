package worker

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/IBM/sarama"

	"github.com/millrace/millrace/storage/kafka"
)

// errNoOffset is Java's NoOffsetForPartitionException.
var errNoOffset = errors.New("a partition has no position to read from, and auto.offset.reset=none forbids to choose one:" +
	" give it one with PATCH /connectors/NAME/offsets, or set consumer.override.auto.offset.reset to earliest or latest")

// lost reports whether a position is no more in its partition, and none may be chosen.
func (m *members) lost(err error) bool {
	return errors.Is(err, sarama.ErrOffsetOutOfRange) && m.client.Settings.Consumer.Reset == kafka.ResetNone
}

// begin decides where assigned partitions begin that have no committed offset, when
// auto.offset.reset names neither end, which are all that sarama knows.
func (m *members) begin(s sarama.ConsumerGroupSession) error {
	c := &m.client.Settings.Consumer
	if c.Reset != kafka.ResetNone && c.Reset != kafka.ResetByDuration {
		return nil
	}
	admin, err := kafka.NewAdmin(m.client.Client)
	if err != nil {
		return err
	}
	committed, err := admin.GroupOffsets(s.Context(), m.name)
	if err != nil {
		return err
	}
	var without []string
	for topic, partitions := range s.Claims() {
		missing := slices.DeleteFunc(slices.Clone(partitions), func(p int32) bool {
			_, known := committed[kafka.TopicPartition{Topic: topic, Partition: p}]
			return known
		})
		switch {
		case len(missing) == 0:
		case c.Reset == kafka.ResetNone:
			for _, p := range missing {
				without = append(without, fmt.Sprintf("%s-%d", topic, p))
			}
		default:
			since := time.Now().Add(-c.ResetBy)
			first, err := admin.OffsetsSince(s.Context(), topic, missing, since)
			if err != nil {
				return err
			}
			for p, offset := range first {
				s.MarkOffset(topic, p, offset, "")
			}
		}
	}
	if len(without) == 0 {
		return nil
	}
	slices.Sort(without)
	return fmt.Errorf("group %s, partitions %s: %w", m.name, strings.Join(without, ", "), errNoOffset)
}
