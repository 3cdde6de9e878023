package signal

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// The channels of signal.enabled.channels.
const (
	Source    = "source"
	Kafka     = "kafka"
	File      = "file"
	InProcess = "in-process"
	JMX       = "jmx"
)

// Types of signals.
const (
	TypeLog     = "log"
	TypeExecute = "execute-snapshot"
	TypeStop    = "stop-snapshot"
	TypePause   = "pause-snapshot"
	TypeResume  = "resume-snapshot"
	TypeSchema  = "schema-changes"
)

// Signal is one order.
type Signal struct {
	ID   string // "" when the sender gave none
	Type string
	Data string // JSON
	// next is the offset behind the signal in the topic that it came from.
	next int64
}

// Check says what is wrong with a signal whose sender can be told, and will not
// be obeyed.
func (s Signal) Check() error {
	d, err := ParseDocument(s.Data)
	if err != nil {
		return err
	}
	switch s.Type {
	case TypeExecute:
		_, err = d.Execute()
	case TypeStop:
		_, _, err = d.Stop()
	case TypePause, TypeResume:
		_, err = d.blocking()
	case TypeLog:
		if d.Text("message") == "" {
			err = errors.New("the field message is missing")
		}
	case TypeSchema:
	default:
		err = fmt.Errorf("the type %q is unknown; there are %s", s.Type,
			strings.Join([]string{TypeExecute, TypeStop, TypePause, TypeResume, TypeSchema, TypeLog}, ", "))
	}
	return err
}

// Execute is the data of an execute-snapshot signal.
type Execute struct {
	Tables       []string // expressions, or names
	Blocking     bool
	SurrogateKey string
	Conditions   []Condition
}

// Condition limits the rows of the tables that an expression matches. For a
// blocking snapshot, Filter is a whole SELECT statement.
type Condition struct{ Tables, Filter string }

// Document is the data of a signal.
type Document map[string]any

// ParseDocument reads the data of a signal; empty text is an empty document.
func ParseDocument(text string) (Document, error) {
	d := Document{}
	if text == "" {
		return d, nil
	}
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		return nil, fmt.Errorf("the data cannot be parsed: %w", err)
	}
	return d, nil
}

// Text is a text of the document, "" when it is missing or something else.
func (d Document) Text(name string) string {
	s, _ := d[name].(string)
	return s
}

// Execute reads an execute-snapshot signal.
func (d Document) Execute() (Execute, error) {
	var e Execute
	var err error
	if e.Tables, err = d.tables(); err != nil {
		return e, err
	}
	if len(e.Tables) == 0 {
		return e, fmt.Errorf("the field data-collections is missing or empty")
	}
	if e.Blocking, err = d.blocking(); err != nil {
		return e, err
	}
	e.SurrogateKey = strings.TrimSpace(d.Text("surrogate-key"))
	list, _ := d["additional-conditions"].([]any)
	for _, c := range list {
		fields, _ := c.(map[string]any)
		condition := Condition{Document(fields).Text("data-collection"), Document(fields).Text("filter")}
		if condition.Tables == "" || condition.Filter == "" {
			return e, fmt.Errorf("the field additional-conditions holds %v, which has not both a data-collection and a filter", c)
		}
		e.Conditions = append(e.Conditions, condition)
	}
	return e, nil
}

// Stop reads a stop-snapshot signal: the tables to be taken out, none for all.
func (d Document) Stop() (tables []string, blocking bool, err error) {
	if tables, err = d.tables(); err != nil {
		return nil, false, err
	}
	blocking, err = d.blocking()
	return tables, blocking, err
}

func (d Document) tables() ([]string, error) {
	list, _ := d["data-collections"].([]any)
	tables := make([]string, len(list))
	for i, v := range list {
		s, ok := v.(string)
		if !ok {
			return nil, fmt.Errorf("the field data-collections holds %v, which is not a name", v)
		}
		tables[i] = strings.TrimSpace(s)
	}
	return tables, nil
}

func (d Document) blocking() (bool, error) {
	switch kind := d.Text("type"); strings.ToUpper(kind) {
	case "", "INCREMENTAL":
		return false, nil
	case "BLOCKING":
		return true, nil
	default:
		return false, fmt.Errorf("the type %q is neither incremental nor blocking", kind)
	}
}
