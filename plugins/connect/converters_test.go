package connect

import (
	"testing"

	"github.com/millrace/millrace/plugins/data"
)

type bothWays struct{ Converter }

func (bothWays) AppendHeader(dst []byte, _, _ string, _ *data.Schema, _ data.Value) ([]byte, bool, error) {
	return dst, true, nil
}

func (bothWays) ParseHeader(*data.Arena, string, string, []byte) (*data.Schema, data.Value, error) {
	return nil, data.Null(), nil
}

// What is built is told what it is for, in a configuration of its own.
func TestConverterPlugins(t *testing.T) {
	var use string
	given := map[string]string{"a": "b", ConverterType: "odd"}
	all := ConverterPlugins("x.Y", "1", ConverterDef(), func(config map[string]string) (bothWays, error) {
		if config["a"] != "b" {
			t.Errorf("built of %v", config)
		}
		use = config[ConverterType]
		return bothWays{}, nil
	})
	for want, build := range map[string]func() (any, error){
		"key":    func() (any, error) { return all[0].NewConverter(given, true) },
		"value":  func() (any, error) { return all[0].NewConverter(given, false) },
		"header": func() (any, error) { return all[1].NewHeaderConverter(given) },
	} {
		if _, err := build(); err != nil || use != want {
			t.Errorf("a converter of a %s: %q, %v", want, use, err)
		}
	}
	if given[ConverterType] != "odd" || all[0].Kind != KindConverter || all[1].Kind != KindHeaderConverter {
		t.Errorf("%v, %s, %s", given, all[0].Kind, all[1].Kind)
	}
}
