package connconf

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/millrace/millrace/plugins/configdef"
	"github.com/millrace/millrace/plugins/connect"
)

// clientProperties describes the properties of Kafka Connect 4.3's clients, as a
// Java worker does; integration/oracle/rest/clients.py records it.
//
//go:embed clients.json
var clientProperties []byte

// clientProperty is a property with the clients that have it: "producer",
// "consumer", "admin".
type clientProperty struct {
	Clients       []string `json:"clients"`
	Name          string   `json:"name"`
	Type          string   `json:"type"`
	Required      bool     `json:"required"`
	Default       *string  `json:"default_value"`
	Importance    string   `json:"importance"`
	Documentation string   `json:"documentation"`
}

// Client declares the properties of a Kafka client, which connectors override
// (ProducerConfig.configDef and its like). They are read when they are first asked for.
func (d *Definitions) Client(client connect.ClientType) *configdef.Def {
	d.readClients.Do(func() { d.clients = readClients() })
	return d.clients[client]
}

func readClients() map[connect.ClientType]*configdef.Def {
	var all []clientProperty
	if err := json.Unmarshal(clientProperties, &all); err != nil {
		panic(fmt.Sprintf("clients.json: %v", err)) // it is part of the program
	}
	out := map[connect.ClientType]*configdef.Def{}
	for client, name := range map[connect.ClientType]string{
		connect.ClientProducer: "producer", connect.ClientConsumer: "consumer", connect.ClientAdmin: "admin",
	} {
		var keys []configdef.Key
		for _, p := range all {
			if slices.Contains(p.Clients, name) {
				keys = append(keys, p.key())
			}
		}
		out[client] = configdef.New(keys...)
	}
	return out
}

func (p clientProperty) key() configdef.Key {
	return configdef.Key{
		Name: p.Name, Type: configdef.Type(p.Type), Default: p.Default, NullDefault: p.Default == nil && !p.Required,
		Importance: configdef.Importance(p.Importance), Doc: p.Documentation,
	}
}
