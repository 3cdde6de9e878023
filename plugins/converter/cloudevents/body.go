package cloudevents

import (
	"github.com/millrace/millrace/plugins/converter/jsontree"
	"github.com/millrace/millrace/plugins/data"
)

// parseBody reads the data of an event in JSON that has its schema.
func (c *Converter) parseBody(a *data.Arena, event []byte) (data.Value, error) {
	tree, err := jsontree.Parse(event)
	if err != nil {
		return data.Value{}, dataError("Converting byte[] to Kafka Connect data failed due to serialization error: %w", err)
	}
	body, _ := tree.Get("data")
	_, v, err := c.header.Parse(a, "", nil, body.Append(nil))
	return v, err
}
