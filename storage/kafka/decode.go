package kafka

import (
	"slices"

	"github.com/IBM/sarama"
)

// appendBlock adds the data records of a partition's answer that stand at or
// behind its position and moves the position behind all that the answer covers:
// control records, aborted records and gaps left by compaction included.
func appendBlock(dst []Record, id int32, p *partition, block *sarama.FetchResponseBlock) []Record {
	before := p.position
	aborted := newAborted(block.AbortedTransactions)
	for _, set := range block.RecordsSet {
		if set.RecordBatch != nil {
			dst = appendBatch(dst, id, p, set.RecordBatch, aborted)
		} else if set.MsgSet != nil {
			dst = appendMessages(dst, id, p, set.MsgSet)
		}
	}
	if p.position == before && block.Partial && p.limit < maxFetchBytes {
		p.limit *= 2 // a record larger than a fetch, from a broker that cuts it off
	}
	return dst
}

func appendBatch(dst []Record, id int32, p *partition, b *sarama.RecordBatch, aborted *abortedTxns) []Record {
	if b.PartialTrailingRecord {
		return dst
	}
	next := b.FirstOffset + int64(b.LastOffsetDelta) + 1
	drop := aborted.covers(b) || b.Control
	for _, rec := range b.Records {
		offset := b.FirstOffset + rec.OffsetDelta
		if drop || offset < p.position {
			continue
		}
		r := Record{Partition: id, Offset: offset, Key: rec.Key, Value: rec.Value}
		if b.LogAppendTime {
			r.Timestamp = b.MaxTimestamp
		} else {
			r.Timestamp = b.FirstTimestamp.Add(rec.TimestampDelta)
		}
		for _, h := range rec.Headers {
			r.Headers = append(r.Headers, Header{Key: string(h.Key), Value: h.Value})
		}
		dst = append(dst, r)
	}
	p.position = max(p.position, next)
	return dst
}

// appendMessages reads the record formats from before Kafka 0.11, in which old
// topics may still be kept.
func appendMessages(dst []Record, id int32, p *partition, set *sarama.MessageSet) []Record {
	for _, outer := range set.Messages {
		inner := outer.Messages()
		for _, m := range inner {
			offset, at := m.Offset, m.Msg.Timestamp
			if m.Msg.Version >= 1 {
				// Offsets within a compressed message are relative to the last one's.
				offset += outer.Offset - inner[len(inner)-1].Offset
				if m.Msg.LogAppendTime {
					at = outer.Msg.Timestamp
				}
			}
			if offset < p.position {
				continue
			}
			dst = append(dst, Record{Partition: id, Offset: offset, Timestamp: at, Key: m.Msg.Key, Value: m.Msg.Value})
			p.position = offset + 1
		}
	}
	return dst
}

// abortedTxns follows which producers are, at the batch being read, within a
// transaction that was aborted. Brokers list them with each answer under
// read_committed, and none otherwise.
type abortedTxns struct {
	upcoming []*sarama.AbortedTransaction // by first offset
	open     map[int64]bool               // producer ids
}

func newAborted(list []*sarama.AbortedTransaction) *abortedTxns {
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b *sarama.AbortedTransaction) int { return int(a.FirstOffset - b.FirstOffset) })
	return &abortedTxns{upcoming: list, open: map[int64]bool{}}
}

// covers reports whether the batch belongs to an aborted transaction. Batches
// must be given in order; an abort marker ends its producer's transaction.
func (a *abortedTxns) covers(b *sarama.RecordBatch) bool {
	last := b.FirstOffset + int64(b.LastOffsetDelta)
	for len(a.upcoming) > 0 && a.upcoming[0].FirstOffset <= last {
		a.open[a.upcoming[0].ProducerID] = true
		a.upcoming = a.upcoming[1:]
	}
	if b.Control {
		// Commit markers of a producer never meet an open aborted transaction of
		// the same producer, so that any marker ends it.
		delete(a.open, b.ProducerID)
		return false
	}
	return b.IsTransactional && a.open[b.ProducerID]
}
