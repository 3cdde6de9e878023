package peer

import "syscall"

// attributes keep a Ctrl-C in the terminal away from the child, which is stopped in its turn, and let no child outlive
// this program.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
