package transform

import (
	"strings"
	"time"

	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/data"
)

func timestampRouterDef() *configdef.Def {
	return configdef.New(
		configdef.Key{Name: "topic.format", Type: configdef.String, Default: configdef.Text("${topic}-${timestamp}"), Importance: configdef.High,
			Doc: "The new topic; <code>${topic}</code> stands for the old one, <code>${timestamp}</code> for the record's timestamp."},
		configdef.Key{Name: "timestamp.format", Type: configdef.String, Default: configdef.Text("yyyyMMdd"), Importance: configdef.High,
			Doc: "How the timestamp is written, in UTC, as a pattern of <code>java.text.SimpleDateFormat</code>."},
	)
}

// timestampRouter puts the record's timestamp into the topic.
type timestampRouter struct {
	closer
	topic  string
	format dateFormat

	from, stamp, to string // of the last record: many share a topic and a day
}

func newTimestampRouter(v *configdef.Values) (connect.Transform, error) {
	f, err := parseDateFormat(v.String("timestamp.format"))
	if err != nil {
		return nil, configdef.Invalid("timestamp.format", v.String("timestamp.format"), err.Error())
	}
	return &timestampRouter{topic: v.String("topic.format"), format: f}, nil
}

// Apply implements connect.Transform.
func (t *timestampRouter) Apply(_ *data.Arena, r *connect.Record) (bool, error) {
	if r.Timestamp == connect.NoTimestamp {
		return false, dataError("Timestamp missing on record of topic %s", r.Topic)
	}
	stamp := t.format.format(time.UnixMilli(r.Timestamp).UTC())
	if t.to == "" || r.Topic != t.from || stamp != t.stamp {
		topic := strings.ReplaceAll(t.topic, "${topic}", r.Topic)
		t.from, t.stamp, t.to = strings.Clone(r.Topic), stamp, strings.ReplaceAll(topic, "${timestamp}", stamp)
	}
	r.Topic = t.to
	return true, nil
}
