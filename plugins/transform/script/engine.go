package script

import (
	"errors"
	"time"

	"github.com/dop251/goja"

	"github.com/millrace/millrace/plugins/connect"
)

// patience ends an expression that does not: a record must not hold up a task for ever.
const patience = 10 * time.Second

// engine evaluates one expression. It belongs to the goroutine that transforms.
type engine struct {
	vm       *goja.Runtime
	program  *goja.Program
	record   *connect.Record // of the evaluation that is under way
	patience time.Duration
	strict   bool // a field that is not there is an error, and a header null, as in Groovy
}

func newJavaScript(text string) (*engine, error) {
	program, err := goja.Compile("expression", text, false)
	if err != nil {
		return nil, err
	}
	return newEngine(program)
}

func newEngine(program *goja.Program) (*engine, error) {
	e := &engine{vm: goja.New(), program: program, patience: patience}
	e.vm.SetMaxCallStackSize(1000)
	for name, value := range map[string]func() goja.Value{
		"key":         func() goja.Value { return e.value(e.record.KeySchema, e.record.Key) },
		"value":       func() goja.Value { return e.value(e.record.ValueSchema, e.record.Value) },
		"keySchema":   func() goja.Value { return e.schema(e.record.KeySchema) },
		"valueSchema": func() goja.Value { return e.schema(e.record.ValueSchema) },
		"topic":       func() goja.Value { return e.vm.ToValue(e.record.Topic) },
		"header":      func() goja.Value { return e.vm.NewDynamicObject(&headers{e}) },
		"headers":     func() goja.Value { return e.vm.NewDynamicObject(&headers{e}) }, // as in Debezium's documentation
	} {
		// A variable is made of the record only when the expression asks for it.
		getter := e.vm.ToValue(func(goja.FunctionCall) goja.Value { return value() })
		if err := e.vm.GlobalObject().DefineAccessorProperty(name, getter, nil, goja.FLAG_FALSE, goja.FLAG_TRUE); err != nil {
			return nil, err
		}
	}
	return e, nil
}

func (e *engine) eval(r *connect.Record) (goja.Value, error) {
	e.record = r
	timer := time.AfterFunc(e.patience, func() { e.vm.Interrupt("it did not end within " + e.patience.String()) })
	result, err := e.vm.RunProgram(e.program)
	if !timer.Stop() {
		e.vm.ClearInterrupt()
	}
	e.record = nil
	var thrown *goja.Exception
	if errors.As(err, &thrown) {
		err = errors.New(thrown.Value().String()) // without the stack, which tells nothing of one expression
	}
	return result, err
}
