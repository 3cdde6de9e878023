package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"

	"github.com/millrace/millrace/integration/peer"
)

const (
	connectorName = "ecommerce"
	schemaTopic   = "ecommerce-server"
	rowTopic      = "ecommerce-server.ecommerce.orders"
)

// statements are the changes to capture; orders is the number of rows among them.
var statements = []string{
	"USE ecommerce",
	`CREATE TABLE orders (
  order_id VARCHAR(255),
  customer_id VARCHAR(255),
  item_description VARCHAR(255),
  price DECIMAL(6,2),
  order_date DATETIME DEFAULT CURRENT_TIMESTAMP
)`,
	"INSERT INTO orders VALUES ('123456', '123', 'A super noisy mechanical keyboard', '50.00', '2021-08-16 10:11:12')",
	"INSERT INTO orders VALUES ('123457', '123', 'An extremely wide monitor', '500.00', '2021-08-16 11:12:13')",
	"INSERT INTO orders VALUES ('123458', '123', 'A too sensible microphone', '150.00', '2021-08-16 12:13:14')",
}

const orders = 3

// connector is what POST /connectors takes.
type connector struct {
	Name   string            `json:"name"`
	Config map[string]string `json:"config"`
}

// createConnector posts examples/ecommerce.json with the addresses of this run. Its keys are those of Debezium 1.x.
func (q *quickstart) createConnector(ctx context.Context, dev *peer.Dev, db *database) error {
	c, err := readExample(filepath.Join(q.root, "examples", "ecommerce.json"))
	if err != nil {
		return err
	}
	c.place(db, dev.Bootstrap())
	body, err := json.MarshalIndent(c, "  ", "  ")
	if err != nil {
		return err
	}
	q.say("\nCreating the connector of examples/ecommerce.json, with this run's addresses:\n  POST %s/connectors\n  %s", dev.URL(), masked(body, db.password))
	return post(ctx, dev.URL()+"/connectors", body)
}

func readExample(path string) (*connector, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var c connector
	if err := json.Unmarshal(text, &c); err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return &c, nil
}

// place changes values, never keys.
func (c *connector) place(db *database, bootstrap string) {
	c.Config["database.hostname"] = db.host
	c.Config["database.port"] = strconv.Itoa(db.port)
	c.Config["database.user"] = db.user
	c.Config["database.password"] = db.password
	c.Config["database.history.kafka.bootstrap.servers"] = bootstrap
}

// masked hides the password of a server that is the user's own.
func masked(body []byte, password string) []byte {
	if password == "" || password == peer.ConnectorPassword {
		return body
	}
	quoted, err := json.Marshal(password)
	if err != nil {
		return nil
	}
	return bytes.ReplaceAll(body, quoted, []byte(`"********"`))
}

func post(ctx context.Context, url string, body []byte) error {
	status, answer, err := peer.Ask(ctx, http.MethodPost, url, string(body))
	if err == nil && status != http.StatusCreated {
		err = fmt.Errorf("creating the connector: status %d: %s", status, answer)
	}
	return err
}
