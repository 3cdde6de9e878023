package kafka

import (
	"fmt"
	"strings"
	"time"
)

// KerberosError says why there is no ticket, and which setting to look at. To ask
// again may help, as what is wrong lies in files and at the KDC.
type KerberosError struct{ text string }

func (e *KerberosError) Error() string { return "no Kerberos ticket: " + e.text }

func kerberosErrorf(format string, args ...any) error {
	return &KerberosError{fmt.Sprintf(format, args...)}
}

// explain says what a KDC's or the library's error means. The library keeps causes
// as text only; realm is where was asked, and subject the principal in question.
func (l *kerberosLogin) explain(err error, realm, subject string) error {
	const option, service = "sasl.jaas.config: ", "sasl.kerberos.service.name: "
	text := strings.ReplaceAll(err.Error(), "\n", " ")
	for _, known := range []struct{ part, advice string }{
		{"KDC_ERR_C_PRINCIPAL_UNKNOWN", option + "the KDC of " + realm + " does not know " + subject + ": check the option principal"},
		{"KDC_ERR_S_PRINCIPAL_UNKNOWN", service + "the KDC of " + realm + " does not know the broker's principal " + subject +
			": check the name, and the hosts in bootstrap.servers and advertised.listeners"},
		{"KDC_ERR_PREAUTH_FAILED", option + "the key tab has not the present key of " + subject + ": export it anew (keyTab)"},
		{"password/keytab incorrect", option + "the key tab has not the present key of " + subject + ": export it anew (keyTab)"},
		{"matching key not found in keytab", option + "the key tab has no key of " + subject + " of the type that the KDC uses: export it anew (keyTab)"},
		{"KDC_ERR_CLIENT_REVOKED", option + subject + " is locked: have it unlocked"},
		{"KDC_ERR_NAME_EXP", option + subject + " has expired: have it renewed"},
		{"KDC_ERR_KEY_EXPIRED", option + "the password of " + subject + " has expired: have it changed, and the key tab exported anew"},
		{"KDC_ERR_ETYPE_NOSUPP", option + "the KDC allows none of the encryption types that the key tab and krb5.conf (" + l.config + ") have for " + subject},
		{"KDC_ERR_WRONG_REALM", option + realm + " is not the realm of " + subject + ": check the option principal"},
		{"KRB_AP_ERR_SKEW", "the KDC's clock differs from this machine's, which says " + time.Now().UTC().Format(time.RFC3339) + ": set it"},
		{"clock skew with KDC too large", "the KDC's clock differs from this machine's, which says " + time.Now().UTC().Format(time.RFC3339) + ": set it"},
		{"KRB_AP_ERR_TKT_EXPIRED", "the ticket has expired by the KDC's clock; this machine's says " + time.Now().UTC().Format(time.RFC3339)},
		{"no KDCs defined", "krb5.conf (" + l.config + ") names no KDC of the realm " + realm + ": add it to [realms], or check the option principal in sasl.jaas.config"},
		{"any defined KDCs", "krb5.conf (" + l.config + ") names no KDC of the realm " + realm + ": add it to [realms], or check the option principal in sasl.jaas.config"},
		{"_kerberos._", "krb5.conf (" + l.config + ") names no KDC of the realm " + realm + ", nor does DNS: add it to [realms], or check the option principal in sasl.jaas.config"},
		{"Networking_Error", "no KDC of the realm " + realm + " answers: is one of those in krb5.conf (" + l.config + ") up, and can it be reached?"},
	} {
		if strings.Contains(text, known.part) {
			return kerberosErrorf("%s (%s)", known.advice, text)
		}
	}
	return kerberosErrorf("%s: %s", subject, text)
}
