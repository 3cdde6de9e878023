package connect

import (
	"errors"
	"testing"
)

func TestWithin(t *testing.T) {
	cause := &DataError{errors.New("too long")}
	err := Within("order", Within("items", Within("name", cause)))
	if err.Error() != "too long (field order.items.name)" {
		t.Error(err)
	}
	var data *DataError
	if !errors.As(err, &data) || data != cause {
		t.Errorf("%#v hides its cause", err)
	}
}
