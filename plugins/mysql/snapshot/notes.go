package snapshot

import (
	"strconv"
	"strings"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/mysql/table"
)

// Note tells of what happens (InitialSnapshotNotificationService). A zero offset
// means that there is none: the records before need not have been acknowledged.
type Note func(b *connect.Batch, offset connect.Offset, status string, data map[string]string)

// noted is a message that waits for a batch.
type noted struct {
	status string
	data   map[string]string
}

// tell notes that something has happened. What is found while looking for the row
// behind the current one is told after the current one's table.
func (r *Reader) tell(status string, data map[string]string) {
	switch {
	case r.cfg.Note == nil:
	case r.ahead:
		r.later = append(r.later, noted{status, data})
	default:
		r.notes = append(r.notes, noted{status, data})
	}
}

// tellAll adds the messages that wait to the batch.
func (r *Reader) tellAll(b *connect.Batch) {
	for _, n := range append(r.notes, r.later...) {
		r.cfg.Note(b, connect.Offset{}, n.status, n.data)
	}
	r.notes, r.later = r.notes[:0], r.later[:0]
}

// tellStart tells that a table is being read.
func (r *Reader) tellStart(t *reading) {
	t.told = true
	r.tell("IN_PROGRESS", map[string]string{"current_collection_in_progress": t.job.table.ID.String(), "data_collections": names(r.tables)})
}

// tellEnd tells that a table was read.
func (r *Reader) tellEnd(t *reading) {
	r.tell("TABLE_SCAN_COMPLETED", map[string]string{
		"scanned_collection": t.job.table.ID.String(), "total_rows_scanned": strconv.FormatInt(t.rows, 10),
		"data_collections": names(r.monitored), "status": "SUCCEEDED",
	})
}

func names(ids []table.ID) string {
	list := make([]string, len(ids))
	for i, id := range ids {
		list[i] = id.String()
	}
	return strings.Join(list, ",")
}
