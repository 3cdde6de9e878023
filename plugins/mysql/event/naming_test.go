package event

import "testing"

func TestAdjust(t *testing.T) {
	for _, c := range []struct {
		a                   Adjustment
		name, schema, field string
	}{
		{AdjustNone, "1-a.b ü", "1-a.b ü", "1-a.b ü"},
		{AdjustAvro, "ecommerce-server.ecommerce.orders.Envelope", "ecommerce_server.ecommerce.orders.Envelope", "ecommerce_server_ecommerce_orders_Envelope"},
		{AdjustAvro, "05_types.t", "_05_types.t", "_05_types_t"},
		{AdjustAvro, "-a😀", "_a__", "_a__"},
		{AdjustAvroUnicode, "1a_b-c.d", "_u0031a_u005fb_u002dc.d", "_u0031a_u005fb_u002dc_u002ed"},
		{AdjustAvroUnicode, "ü中", "_u00fc_u4e2d", "_u00fc_u4e2d"},
		{AdjustAvro1, "20_release_1_6.ecommerce.orders.Envelope", "_0_release_1_6.ecommerce.orders.Envelope", "_0_release_1_6_ecommerce_orders_Envelope"},
	} {
		if got := c.a.schemaName(c.name); got != c.schema {
			t.Errorf("%d %s: schema %s, want %s", c.a, c.name, got, c.schema)
		}
		if got := c.a.fieldName(c.name); got != c.field {
			t.Errorf("%d %s: field %s, want %s", c.a, c.name, got, c.field)
		}
	}
}

func TestParseAdjustment(t *testing.T) {
	for text, want := range map[string]Adjustment{"": AdjustNone, "NONE": AdjustNone, " avro ": AdjustAvro, "avro_unicode": AdjustAvroUnicode} {
		if got, err := ParseAdjustment(text); got != want || err != nil {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	if _, err := ParseAdjustment("xml"); err == nil {
		t.Error("xml is accepted")
	}
}
