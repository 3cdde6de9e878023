// Setup installs what the tests need on this machine and says what it does.
//
// usage: go run ./integration/setup [PART ...]
//
// Parts: compiler, mysql, mariadb, java (with Maven and the jars of Kafka and Debezium), python, kerberos; or a
// group of them: test (compiler, mysql, mariadb) and real (all). See package install for what goes where.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"

	"github.com/millrace/millrace/integration/install"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := setup(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func setup(ctx context.Context, names []string) error {
	home, err := install.DefaultHome()
	if err != nil {
		return err
	}
	i := install.New(home, os.Stdout)
	parts := map[string]func(context.Context) error{
		"compiler": i.Compiler, "mysql": i.MySQL, "mariadb": i.MariaDB, "java": i.Java, "python": i.Python, "kerberos": i.Kerberos,
	}
	groups := map[string][]string{
		"test": {"compiler", "mysql", "mariadb"},
		"real": {"compiler", "mysql", "mariadb", "java", "python", "kerberos"},
	}
	if len(names) == 0 {
		names = []string{"test"}
	}
	for _, name := range names {
		members, isGroup := groups[name]
		if !isGroup {
			members = []string{name}
		}
		for _, part := range members {
			do, ok := parts[part]
			if !ok {
				return fmt.Errorf("no part %q: there are compiler, mysql, mariadb, java, python, kerberos, and the groups test and real (asked: %s)",
					part, strings.Join(names, " "))
			}
			if err := do(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}
