package settings

import (
	"errors"
	"strings"

	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/storage/kafka"
)

// Standalone are the settings of a worker without a cluster: the file that Java's
// connect-standalone takes.
type Standalone struct {
	Worker
	OffsetFile string // offset.storage.file.filename
}

// ReadStandalone reads the properties of a worker without a cluster. The error
// names every property that is wrong.
func ReadStandalone(props kafka.Properties) (*Standalone, error) {
	v, err := configdef.New(standaloneKeys()...).Parse(props)
	if err != nil {
		return nil, err
	}
	s := &Standalone{Worker: *readWorker(v, props), OffsetFile: v.String("offset.storage.file.filename")}
	if strings.TrimSpace(s.OffsetFile) == "" {
		return nil, errors.New("offset.storage.file.filename must not be empty")
	}
	return s, nil
}
