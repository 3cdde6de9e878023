package registry

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/millrace/millrace/plugins/connect"
	"github.com/millrace/millrace/storage/kafka/oauth"
)

// Error is an error that the registry answered with.
type Error struct {
	Status  int // of HTTP
	Code    int // error_code of the answer, such as 40403
	Message string
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s; error code: %d", e.Message, e.Code)
}

// The error codes of the API that callers tell apart.
const (
	CodeNoSubject     = 40401
	CodeNoVersion     = 40402
	CodeNoSchema      = 40403
	CodeInvalidSchema = 42201
)

func refusal(answer *http.Response, text []byte) *Error {
	var e struct {
		Code    int    `json:"error_code"`
		Message string `json:"message"`
	}
	if json.Unmarshal(text, &e) != nil || e.Message == "" {
		e.Code, e.Message = answer.StatusCode, "the registry answered "+answer.Status
	}
	return &Error{answer.StatusCode, e.Code, e.Message}
}

// passing reports whether a failure may pass by itself (RestClientException.isRetriable):
// no answer at all, or one of these statuses. Who gets no token need not ask again.
func passing(err error) bool {
	var token *oauth.Refused
	if errors.As(err, &token) {
		return token.Passing()
	}
	var refused *Error
	if !errors.As(err, &refused) {
		return true
	}
	switch refused.Status {
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// asConnect says what was being done and how to mend it, and marks the error
// as retriable or as one of the data.
func asConnect(err error, method, subject string) error {
	doing := "Error retrieving a schema"
	if method == http.MethodPost {
		doing = "Error registering or looking up a schema"
	}
	if subject != "" {
		doing += " of subject " + subject
	}
	if passing(err) {
		return connect.Retriable(fmt.Errorf("%s: %w", doing, err))
	}
	if h := hint(err); h != "" {
		return &connect.DataError{Err: fmt.Errorf("%s: %w (%s)", doing, err, h)}
	}
	return &connect.DataError{Err: fmt.Errorf("%s: %w", doing, err)}
}

func hint(err error) string {
	var token *oauth.Refused
	if errors.As(err, &token) {
		return "check " + clientIDKey + " and " + clientSecretKey
	}
	var e *Error
	if !errors.As(err, &e) {
		return ""
	}
	switch {
	case e.Status == http.StatusUnauthorized:
		return "check basic.auth.credentials.source and basic.auth.user.info, or bearer.auth.*"
	case e.Status == http.StatusForbidden:
		return "the user may not do this with the subject: ask for the right, or set auto.register.schemas=false"
	case e.Status == http.StatusConflict:
		return "the new schema is not compatible with the subject's earlier versions: make the change compatible, for example by a default for a new column, or change the subject's compatibility level"
	case e.Code == CodeInvalidSchema:
		return "the registry cannot read the schema: for names with other characters than letters, digits and _ set scrub.invalid.names=true or the connector's schema.name.adjustment.mode and field.name.adjustment.mode to avro"
	case e.Code == CodeNoSubject, e.Code == CodeNoVersion, e.Code == CodeNoSchema:
		return "register the schema under this subject first, or set auto.register.schemas=true"
	}
	return ""
}

// dataError makes an error of the data.
func dataError(format string, args ...any) error {
	return &connect.DataError{Err: fmt.Errorf(format, args...)}
}
