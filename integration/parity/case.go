package parity

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
)

// Case is one line of a golden file.
type Case struct {
	Class   string            `json:"class"`
	Config  map[string]string `json:"config"`
	Key     bool              `json:"key,omitempty"`
	Header  bool              `json:"header,omitempty"`
	Topic   string            `json:"topic,omitempty"`
	Headers map[string]string `json:"headers,omitempty"`
	In      *string           `json:"in,omitempty"`
	Bytes   *string           `json:"bytes,omitempty"`
	Schema  string            `json:"schema,omitempty"`
	Datum   string            `json:"datum,omitempty"`

	Answer
	Differs string  `json:"differs,omitempty"`
	Own     *Answer `json:"own,omitempty"`
}

// Answer is what came of a case.
type Answer struct {
	Out        *string      `json:"out,omitempty"`
	Registered []Registered `json:"registered,omitempty"`
	Back       *string      `json:"back,omitempty"`
	Error      string       `json:"error,omitempty"`
	BackError  string       `json:"backError,omitempty"`
}

// Registered is a schema that a converter registered.
type Registered struct {
	Subject    string `json:"subject"`
	SchemaType string `json:"schemaType"`
	Schema     string `json:"schema"`
	References string `json:"references,omitempty"`
}

// Read reads a golden file.
func Read(path string) ([]Case, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return parse(b)
}

func parse(b []byte) ([]Case, error) {
	var out []Case
	lines := bufio.NewScanner(bytes.NewReader(b))
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		var c Case
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			return nil, fmt.Errorf("case %d: %w", len(out)+1, err)
		}
		out = append(out, c)
	}
	return out, lines.Err()
}

// Format writes cases as a golden file has them.
func Format(cases []Case) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	for _, c := range cases {
		if err := e.Encode(c); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), nil
}
