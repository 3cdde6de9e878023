// Package badinput proves how a worker and the MySQL connector answer what is wrong: a configuration, a server's settings,
// a user's privileges, a worker's properties, an outage. Each answer names the key or the setting at fault and says how to
// mend it, and none holds a secret. Its tests need MySQL and carry the build tag servers.
package badinput
