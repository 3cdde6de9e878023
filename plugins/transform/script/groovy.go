package script

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/dop251/goja"
	"github.com/dop251/goja/ast"
	"github.com/dop251/goja/token"

	"github.com/millrace/millrace/plugins/configdef"
)

// shared are the methods of texts, structs and schemas that a Groovy expression may call.
var shared = []string{
	"contains", "endsWith", "equals", "equalsIgnoreCase", "field", "get", "indexOf", "isEmpty", "isOptional", "matches", "name",
	"schema", "startsWith", "substring", "toLowerCase", "toUpperCase", "trim", "type", "version", "doc",
}

const useJavaScript = "only what Groovy shares with JavaScript is served; write it in JavaScript, with language=jsr223.graal.js"

// newGroovy compiles an expression that reads the same in JavaScript, with Groovy's meaning of ==, && and ||.
func newGroovy(text string) (*engine, error) {
	tree, err := goja.Parse("expression", text)
	if err != nil {
		return nil, fmt.Errorf("%w (%s)", err, useJavaScript)
	}
	statement, ok := single(tree.Body)
	if !ok {
		return nil, errors.New("it is not a single expression: " + useJavaScript)
	}
	if statement.Expression, err = translate(statement.Expression); err != nil {
		return nil, err
	}
	program, err := goja.CompileAST(tree, false)
	if err != nil {
		return nil, err
	}
	e, err := newEngine(program)
	if err != nil {
		return nil, err
	}
	e.strict = true
	return e, e.addJava()
}

func single(body []ast.Statement) (*ast.ExpressionStatement, bool) {
	if len(body) != 1 {
		return nil, false
	}
	statement, ok := body[0].(*ast.ExpressionStatement)
	return statement, ok
}

// equalFunction stands for ==, which takes what a safe navigation does not find for null.
const equalFunction = "$equal"

// translate gives an expression Groovy's meaning, or says why it cannot.
func translate(x ast.Expression) (ast.Expression, error) {
	var err error
	part := func(p *ast.Expression) {
		if err == nil {
			*p, err = translate(*p)
		}
	}
	switch x := x.(type) {
	case *ast.NumberLiteral, *ast.BooleanLiteral, *ast.NullLiteral, *ast.Identifier:
		return x, nil
	case *ast.StringLiteral:
		if strings.HasPrefix(x.Literal, `"`) && strings.Contains(x.Literal, "$") {
			return nil, fmt.Errorf("%s is a text with variables: %s", x.Literal, useJavaScript)
		}
		return x, nil
	case *ast.DotExpression:
		part(&x.Left)
		return x, err
	case *ast.OptionalChain:
		part(&x.Expression)
		return x, err
	case *ast.Optional:
		part(&x.Expression)
		return x, err
	case *ast.ConditionalExpression:
		part(&x.Test)
		part(&x.Consequent)
		part(&x.Alternate)
		return x, err
	case *ast.UnaryExpression:
		if x.Operator != token.NOT && x.Operator != token.MINUS {
			return nil, fmt.Errorf("the operator %s: %s", x.Operator, useJavaScript)
		}
		part(&x.Operand)
		return x, err
	case *ast.CallExpression:
		return translateCall(x)
	case *ast.BinaryExpression:
		part(&x.Left)
		part(&x.Right)
		if err != nil {
			return nil, err
		}
		return translateBinary(x)
	}
	return nil, fmt.Errorf("%T: %s", x, useJavaScript)
}

func translateCall(x *ast.CallExpression) (ast.Expression, error) {
	method, ok := x.Callee.(*ast.DotExpression)
	if !ok || !slices.Contains(shared, method.Identifier.Name.String()) {
		return nil, errors.New("the only calls are of the methods " + strings.Join(shared, ", ") + ": " + useJavaScript)
	}
	var err error
	if method.Left, err = translate(method.Left); err != nil {
		return nil, err
	}
	for i := range x.ArgumentList {
		if x.ArgumentList[i], err = translate(x.ArgumentList[i]); err != nil {
			return nil, err
		}
	}
	return x, nil
}

func translateBinary(x *ast.BinaryExpression) (ast.Expression, error) {
	switch x.Operator {
	case token.EQUAL, token.NOT_EQUAL:
		call := ast.Expression(&ast.CallExpression{Callee: &ast.Identifier{Name: equalFunction}, ArgumentList: []ast.Expression{x.Left, x.Right}})
		if x.Operator == token.NOT_EQUAL {
			call = not(call)
		}
		return call, nil
	case token.LOGICAL_AND, token.LOGICAL_OR: // which give booleans
		x.Left, x.Right = not(not(x.Left)), not(not(x.Right))
		return x, nil
	case token.LESS, token.GREATER, token.LESS_OR_EQUAL, token.GREATER_OR_EQUAL:
		return x, nil
	case token.PLUS:
		if isText(x.Left) || isText(x.Right) {
			return x, nil
		}
	}
	return nil, fmt.Errorf("the operator %s: %s", x.Operator, useJavaScript)
}

func not(x ast.Expression) ast.Expression {
	return &ast.UnaryExpression{Operator: token.NOT, Operand: x}
}

// isText reports whether + joins texts: Groovy's arithmetic is not JavaScript's.
func isText(x ast.Expression) bool {
	switch x := x.(type) {
	case *ast.StringLiteral:
		return true
	case *ast.BinaryExpression:
		return x.Operator == token.PLUS
	}
	return false
}

// addJava gives texts those of Java's methods that JavaScript's do not have.
func (e *engine) addJava() error {
	nothing := func(v goja.Value) bool { return goja.IsNull(v) || goja.IsUndefined(v) }
	err := e.vm.Set(equalFunction, func(a, b goja.Value) bool {
		return nothing(a) && nothing(b) || !nothing(a) && !nothing(b) && a.StrictEquals(b)
	})
	if err != nil {
		return err
	}
	texts := e.vm.Get("String").ToObject(e.vm).Get("prototype").ToObject(e.vm)
	for name, method := range map[string]func(text, other string) bool{
		"contains":         strings.Contains,
		"equals":           func(text, other string) bool { return text == other },
		"equalsIgnoreCase": strings.EqualFold,
		"isEmpty":          func(text, _ string) bool { return text == "" },
		"matches":          e.matches,
	} {
		if err := texts.Set(name, func(c goja.FunctionCall) goja.Value {
			return e.vm.ToValue(method(c.This.String(), c.Argument(0).String()))
		}); err != nil {
			return err
		}
	}
	return nil
}

func (e *engine) matches(text, pattern string) bool {
	re, err := configdef.CompileRegex(pattern)
	if err != nil {
		panic(e.vm.NewGoError(err))
	}
	return re.Match(text)
}
