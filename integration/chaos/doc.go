// Package chaos checks delivery promises under SIGKILL. Each test names its promise, chooses the moments of its kills from
// a seed that it prints (MILLRACE_SEED=N plays the same choices again) and runs under several configurations, which must
// all keep the promise. TestDelivery is also a make target: make chaos KILLS=200.
package chaos
