// Package failover proves what becomes of a connector when its database server is replaced by a replica, or does not want
// it for a while: by GTIDs it goes on at another server without loss, and what cannot be mended by waiting stops the task
// with a message that says how to mend it. Its tests need MySQL and MariaDB and carry the build tag servers.
package failover
