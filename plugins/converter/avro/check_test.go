package avro

import (
	"fmt"

	hamba "github.com/hamba/avro/v2"

	"github.com/millrace/millrace/plugins/converter/registry"
)

// hambaChecker lets the test registry judge schemas by another implementation than ours.
type hambaChecker struct{}

func parseHamba(s registry.Schema, refs []registry.Schema) (hamba.Schema, error) {
	cache := &hamba.SchemaCache{}
	for _, r := range refs {
		if _, err := hamba.ParseWithCache(r.Text, "", cache); err != nil {
			return nil, fmt.Errorf("%s: %w", r.Subject, err)
		}
	}
	return hamba.ParseWithCache(s.Text, "", cache)
}

func (hambaChecker) Check(s registry.Schema, refs []registry.Schema) error {
	_, err := parseHamba(s, refs)
	return err
}

func (hambaChecker) CanRead(reader, writer registry.Schema, refs []registry.Schema) error {
	r, err := parseHamba(reader, refs)
	if err != nil {
		return err
	}
	w, err := parseHamba(writer, refs)
	if err != nil {
		return err
	}
	return hamba.NewSchemaCompatibility().Compatible(r, w)
}
