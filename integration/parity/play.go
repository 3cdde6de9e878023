package parity

import (
	"encoding/hex"
	"fmt"
	"net"
	"slices"
	"strconv"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/plugins/converter/jsonconv"
	"github.com/millrace/millrace/plugins/converter/registry"
	"github.com/millrace/millrace/plugins/converter/registry/registrytest"
	"github.com/millrace/millrace/plugins/data"
	"github.com/millrace/millrace/plugins/install"
)

// registryClasses are the converters that keep their schemas in a registry, with the type of those.
var registryClasses = map[string]string{
	"io.confluent.connect.avro.AvroConverter":         "AVRO",
	"io.confluent.connect.protobuf.ProtobufConverter": "PROTOBUF",
	"io.confluent.connect.json.JsonSchemaConverter":   "JSON",
}

// Play asks Millrace's converter.
func Play(c Case) (Answer, error) {
	config := map[string]string{}
	for k, v := range c.Config {
		config[k] = v
	}
	var server *registrytest.Server
	if registryClasses[c.Class] != "" {
		server = registrytest.New(registrytest.Config{Level: "NONE"})
		defer server.Close()
		config["schema.registry.url"] = server.URL
		config["max.retries"] = "0"
	}
	if config["avro.schema.registry.url"] != "" { // CloudEvents write this URL into events: the server stands behind it as a proxy
		server = registrytest.New(registrytest.Config{Level: "NONE"})
		defer server.Close()
		address := server.Listener.Addr().(*net.TCPAddr)
		config["avro.proxy.host"], config["avro.proxy.port"] = address.IP.String(), strconv.Itoa(address.Port)
	}
	conv, err := newConverter(c, config)
	if err != nil {
		return Answer{Error: err.Error()}, nil
	}
	p := player{Case: c, conv: conv, server: server}
	if p.Topic == "" {
		p.Topic = "t"
	}
	for name, value := range c.Headers {
		p.headers = append(p.headers, connect.Header{Key: name, Schema: data.New(data.TypeBytes).Build(), Value: data.Bytes([]byte(value))})
	}
	return p.play()
}

// converter is a converter of keys, values or headers.
type converter interface {
	write(topic string, h *[]connect.Header, s *data.Schema, v data.Value) ([]byte, bool, error)
	read(topic string, h []connect.Header, b []byte) (*data.Schema, data.Value, error)
}

type plain struct{ connect.Converter }

func (p plain) write(topic string, h *[]connect.Header, s *data.Schema, v data.Value) ([]byte, bool, error) {
	return p.Append(nil, topic, h, s, v)
}
func (p plain) read(topic string, h []connect.Header, b []byte) (*data.Schema, data.Value, error) {
	return p.Parse(&data.Arena{}, topic, h, b)
}

type header struct{ connect.HeaderConverter }

func (p header) write(topic string, _ *[]connect.Header, s *data.Schema, v data.Value) ([]byte, bool, error) {
	return p.AppendHeader(nil, topic, "h", s, v)
}
func (p header) read(topic string, _ []connect.Header, b []byte) (*data.Schema, data.Value, error) {
	return p.ParseHeader(&data.Arena{}, topic, "h", b)
}

func newConverter(c Case, config map[string]string) (converter, error) {
	for _, p := range install.Builtin() {
		switch {
		case p.Class != c.Class:
		case c.Header && p.NewHeaderConverter != nil:
			h, err := p.NewHeaderConverter(config)
			return header{h}, err
		case !c.Header && p.NewConverter != nil:
			v, err := p.NewConverter(config, c.Key)
			return plain{v}, err
		}
	}
	return nil, fmt.Errorf("no converter %s", c.Class)
}

type player struct {
	Case
	conv    converter
	server  *registrytest.Server
	headers []connect.Header
}

func (p *player) play() (a Answer, err error) {
	var b []byte
	switch {
	case p.Schema != "":
		if b, err = hex.DecodeString(*p.Out); err != nil { // Java's recorder put the id before the payload
			return a, err
		}
		a.Out = p.Out
		subject := p.Topic + "-value"
		if p.Key {
			subject = p.Topic + "-key"
		}
		p.server.Put(subject, registry.Schema{Text: p.Schema, SchemaType: registryClasses[p.Class]})
	case p.Bytes != nil:
		if b, err = hex.DecodeString(*p.Bytes); err != nil {
			return a, err
		}
	case p.In == nil:
		// Kafka's null
	default:
		b, a = p.write()
		if a.Error != "" {
			return a, nil
		}
	}
	s, v, err := p.conv.read(p.Topic, p.headers, b)
	if err != nil {
		a.BackError = err.Error()
		return a, nil
	}
	a.Back, a.BackError = asJSON(s, v)
	return a, nil
}

func (p *player) write() (b []byte, a Answer) {
	s, v, err := jsonWith().Parse(&data.Arena{}, p.Topic, nil, []byte(*p.In))
	if err != nil {
		return nil, Answer{Error: err.Error()}
	}
	headers := slices.Clone(p.headers)
	b, null, err := p.conv.write(p.Topic, &headers, s, v)
	if p.server != nil {
		for _, subject := range p.server.Subjects() {
			versions := p.server.Versions(subject)
			last := versions[len(versions)-1]
			if last.SchemaType == "" {
				last.SchemaType = "AVRO"
			}
			a.Registered = append(a.Registered, Registered{Subject: subject, SchemaType: last.SchemaType, Schema: last.Text})
		}
	}
	if err != nil {
		a.Error = err.Error()
		return nil, a
	}
	if null {
		return nil, a
	}
	text := hex.EncodeToString(b)
	a.Out = &text
	if b == nil {
		b = []byte{}
	}
	return b, a
}

// jsonWith is the converter in whose form data stands in the cases.
func jsonWith() *jsonconv.Converter {
	cfg := jsonconv.DefaultConfig()
	cfg.ReplaceNull = false
	c, err := jsonconv.New(cfg)
	if err != nil {
		panic(err) // the configuration is fixed
	}
	return c
}

func asJSON(s *data.Schema, v data.Value) (text *string, fail string) {
	b, null, err := jsonWith().Append(nil, "t", nil, s, v)
	switch {
	case err != nil:
		return nil, err.Error()
	case null:
		return nil, ""
	}
	out := string(b)
	return &out, ""
}
