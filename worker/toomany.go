package worker

import "fmt"

// TooManyTasksError says that a connector has generated more tasks than
// tasks.max allows (TooManyTasksException). Asking again is of no use.
type TooManyTasksError struct {
	Connector      string
	Generated, Max int
}

func (e *TooManyTasksError) Error() string {
	return fmt.Sprintf("The connector %s has generated %d tasks, which is greater than %d, the maximum number of tasks it is configured to create. "+
		"This behaviour should be considered a bug and is disallowed. If necessary, it can be permitted by reconfiguring the connector "+
		"with 'tasks.max.enforce' set to false; however, this option will be removed in a future release of Kafka Connect.",
		e.Connector, e.Generated, e.Max)
}
