package peer

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// writeProperties writes a Java properties file, sorted by key.
func writeProperties(path string, properties map[string]string) error {
	var b strings.Builder
	escape := strings.NewReplacer(`\`, `\\`, "\n", `\n`)
	for _, key := range slices.Sorted(maps.Keys(properties)) {
		fmt.Fprintf(&b, "%s=%s\n", key, escape.Replace(properties[key]))
	}
	return os.WriteFile(path, []byte(b.String()), 0o644)
}

// merge returns base with the entries of over in place of its own.
func merge(base, over map[string]string) map[string]string {
	all := maps.Clone(base)
	maps.Copy(all, over)
	return all
}

func command(ctx context.Context, args []string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.SysProcAttr = attributes()
	return cmd
}
