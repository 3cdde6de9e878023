package protobuf

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strings"

	"github.com/bufbuild/protocompile"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/millrace/millrace/plugins/converter/registry"
)

// The files that schemas may import without the registry having them, besides
// those of google.protobuf. Their fields are an interface: the messages that
// other converters write.
const (
	metaText = `syntax = "proto3";
package confluent;
import "google/protobuf/descriptor.proto";
message Meta { string doc = 1; map<string, string> params = 2; repeated string tags = 3; repeated Rule rules = 4; }
message Rule { string name = 1; string doc = 2; string expr = 3; string sql = 4; }
extend google.protobuf.FileOptions { Meta file_meta = 1088; }
extend google.protobuf.MessageOptions { Meta message_meta = 1088; }
extend google.protobuf.FieldOptions { Meta field_meta = 1088; }
extend google.protobuf.EnumOptions { Meta enum_meta = 1088; }
extend google.protobuf.EnumValueOptions { Meta enum_value_meta = 1088; }
`
	decimalText = `syntax = "proto3";
package confluent.type;
message Decimal { bytes value = 1; uint32 precision = 2; int32 scale = 3; }
`
	dateText = `syntax = "proto3";
package google.type;
message Date { int32 year = 1; int32 month = 2; int32 day = 3; }
`
	timeText = `syntax = "proto3";
package google.type;
message TimeOfDay { int32 hours = 1; int32 minutes = 2; int32 seconds = 3; int32 nanos = 4; }
`
	// wrappersText is the schema of single values, as Java registers it.
	wrappersText = `syntax = "proto3";
package google.protobuf;

option java_package = "com.google.protobuf";
option java_outer_classname = "WrappersProto";
option java_multiple_files = true;
option go_package = "google.golang.org/protobuf/types/known/wrapperspb";
option cc_enable_arenas = true;
option objc_class_prefix = "GPB";
option csharp_namespace = "Google.Protobuf.WellKnownTypes";

message DoubleValue {
  double value = 1 [json_name = "value"];
}
message FloatValue {
  float value = 1 [json_name = "value"];
}
message Int64Value {
  int64 value = 1 [json_name = "value"];
}
message UInt64Value {
  uint64 value = 1 [json_name = "value"];
}
message Int32Value {
  int32 value = 1 [json_name = "value"];
}
message UInt32Value {
  uint32 value = 1 [json_name = "value"];
}
message BoolValue {
  bool value = 1 [json_name = "value"];
}
message StringValue {
  string value = 1 [json_name = "value"];
}
message BytesValue {
  bytes value = 1 [json_name = "value"];
}
`
	metaFile = "confluent/meta.proto"
	rootFile = "millrace_root.proto"
)

func knownFiles() map[string]string {
	return map[string]string{
		metaFile: metaText, "confluent/type/decimal.proto": decimalText,
		"google/type/date.proto": dateText, "google/type/timeofday.proto": timeText,
	}
}

var syntaxLine = regexp.MustCompile(`(?m)^\s*(syntax|edition)\s*=\s*["'][^"']*["']\s*;`)

// withMeta imports the options of Confluent, which their own texts use without importing them.
func withMeta(text string) string {
	if !strings.Contains(text, "(confluent.") || strings.Contains(text, metaFile) {
		return text
	}
	at := 0
	if loc := syntaxLine.FindStringIndex(text); loc != nil {
		at = loc[1]
	}
	return text[:at] + ` import "` + metaFile + `";` + text[at:]
}

// schemaParser reads files of .proto.
type schemaParser struct{}

// Type implements registry.Parser.
func (schemaParser) Type() string { return "PROTOBUF" }

// Parse implements registry.Parser.
func (schemaParser) Parse(s registry.Schema, refs []registry.Schema) (protoreflect.FileDescriptor, error) {
	files := knownFiles()
	for _, r := range refs {
		files[r.Subject] = withMeta(r.Text)
	}
	files[rootFile] = withMeta(s.Text)
	source := protocompile.ResolverFunc(func(path string) (protocompile.SearchResult, error) {
		if text, ok := files[path]; ok {
			return fileOf(path, text), nil
		}
		return protocompile.SearchResult{}, fs.ErrNotExist
	})
	c := protocompile.Compiler{Resolver: protocompile.WithStandardImports(source), MaxParallelism: 1}
	out, err := c.Compile(context.Background(), rootFile)
	if err != nil {
		return nil, errors.New(strings.TrimPrefix(err.Error(), rootFile+":"))
	}
	return out[0], nil
}

// fileOf is a schema as the compiler takes it: a text, or a descriptor in base64, as
// serializers of other languages register it.
func fileOf(path, text string) protocompile.SearchResult {
	if b, err := base64.StdEncoding.DecodeString(text); err == nil && len(b) > 0 {
		file := &descriptorpb.FileDescriptorProto{}
		if proto.Unmarshal(b, file) == nil {
			file.Name = &path
			nameFields(file.MessageType)
			return protocompile.SearchResult{Proto: file}
		}
	}
	return protocompile.SearchResult{Source: strings.NewReader(text)}
}

// nameFields gives fields the names in JSON that compilers of other languages leave
// out; the compiler here takes them for equal. Nothing else uses them.
func nameFields(messages []*descriptorpb.DescriptorProto) {
	for _, m := range messages {
		for _, f := range m.Field {
			if f.JsonName == nil {
				f.JsonName = proto.String(f.GetName())
			}
		}
		nameFields(m.NestedType)
	}
}

// Name implements registry.Parser: that of the first message.
func (schemaParser) Name(f protoreflect.FileDescriptor) string {
	if f.Messages().Len() == 0 {
		return ""
	}
	return string(f.Messages().Get(0).FullName())
}

// Compatible implements registry.Parser: what writer holds has to have a place of the same kind in reader.
func (schemaParser) Compatible(reader, writer protoreflect.FileDescriptor) error {
	for i := range writer.Messages().Len() {
		w := writer.Messages().Get(i)
		if r := reader.Messages().ByName(w.Name()); r != nil {
			if err := holds(r, w, map[protoreflect.FullName]bool{}); err != nil {
				return err
			}
		}
	}
	return nil
}

func holds(r, w protoreflect.MessageDescriptor, seen map[protoreflect.FullName]bool) error {
	if seen[w.FullName()] {
		return nil
	}
	seen[w.FullName()] = true
	for i := range w.Fields().Len() {
		f := w.Fields().Get(i)
		g := r.Fields().ByNumber(f.Number())
		switch {
		case g == nil:
		case g.Kind() != f.Kind() || g.IsList() != f.IsList():
			return within(string(f.Name()), fmt.Errorf("type %s instead of %s", f.Kind(), g.Kind()))
		case f.Message() != nil:
			if err := holds(g.Message(), f.Message(), seen); err != nil {
				return within(string(f.Name()), err)
			}
		}
	}
	return nil
}

// findMessage finds a message by its full name, or the first of the file.
func findMessage(f protoreflect.FileDescriptor, name string) (protoreflect.MessageDescriptor, []int) {
	for i := range f.Messages().Len() {
		if m := f.Messages().Get(i); string(m.FullName()) == name {
			return m, []int{i}
		}
	}
	if f.Messages().Len() == 0 {
		return nil, nil
	}
	return f.Messages().Get(0), []int{0}
}
