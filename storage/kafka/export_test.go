package kafka

import "time"

// RuleView is what tests of other packages may know of a rule.
type RuleView struct {
	Roles                     Role
	Used                      bool
	Ignored, Refused, Differs string
}

// RuleViews has one for each property.
func RuleViews() map[string]RuleView {
	out := map[string]RuleView{}
	for name, r := range rules {
		out[name] = RuleView{r.roles, r.set != nil && r.refused == "", r.ignored, r.refused, r.differs}
	}
	return out
}

// Wait is the wait before retry number n.
func (s *Settings) Wait(n int) time.Duration { return s.backoff(n, 0) }

// KerberosView is what properties say of Kerberos.
type KerberosView struct {
	Service, Principal, KeyTab, Cache, Config string
	Window                                    float64
}

// ViewKerberos reads the properties of GSSAPI.
func ViewKerberos(p Properties) (KerberosView, error) {
	m, err := loginModule(p)
	if err != nil {
		return KerberosView{}, err
	}
	o, err := saslReader{properties: p, module: m}.kerberosOptions()
	return KerberosView{o.service, o.principal, o.keyTab, o.cache, o.config, o.window}, err
}
