package kafka

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"
	"weak"

	"github.com/jcmturner/gokrb5/v8/client"
	"github.com/jcmturner/gokrb5/v8/config"
	"github.com/jcmturner/gokrb5/v8/credentials"
	"github.com/jcmturner/gokrb5/v8/iana/nametype"
	"github.com/jcmturner/gokrb5/v8/keytab"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"
)

// kerberosLogin has tickets for the connections of one client: the ticket-granting
// ticket, by the key tab's key or from a cache that another program keeps, and with
// it tickets for brokers. It keeps them until they are about to end, and uses them
// to their very end while there is no KDC to give others.
type kerberosLogin struct {
	kerberosOptions

	mu      sync.Mutex // guards the two below, and has connections log in one after the other
	grant   *kerberosTicket
	tickets map[string]*kerberosTicket // for brokers, by host
}

// kerberosTicket is a ticket with its session key.
type kerberosTicket struct {
	by               *client.Client // whose it is; it asks KDCs and keeps nothing
	ticket           messages.Ticket
	key              types.EncryptionKey
	auth, begin, end time.Time
	renews           time.Time // until when it may be renewed
	flags            []byte
}

func newKerberosLogin(o kerberosOptions) *kerberosLogin {
	return &kerberosLogin{kerberosOptions: o, tickets: map[string]*kerberosTicket{}}
}

// name is the principal of the service that a ticket is for.
func (t *kerberosTicket) name() string {
	return t.ticket.SName.PrincipalNameString() + "@" + t.ticket.Realm
}

// renewal is when a part of the ticket's life is over.
func (t *kerberosTicket) renewal(window float64) time.Time {
	return t.begin.Add(time.Duration(float64(t.end.Sub(t.begin)) * window))
}

func (t *kerberosTicket) fresh(window float64) bool {
	return t != nil && time.Now().Before(t.renewal(window))
}

func (t *kerberosTicket) valid() bool { return t != nil && time.Now().Before(t.end) }

// exchange gets a ticket for the broker that has this host.
func (l *kerberosLogin) exchange(ctx context.Context, host string) (saslExchange, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	held := l.tickets[host]
	if !held.fresh(l.window) {
		t, err := l.ticket(ctx, host)
		switch {
		case err == nil:
			held = t
			l.tickets[host] = t
		case !held.valid():
			return nil, err
		}
	}
	return &gssExchange{login: l, ticket: held, host: host}, nil
}

func (l *kerberosLogin) forget(host string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.tickets, host)
}

// ticket asks for a service ticket, in the broker's realm, which may be another one.
func (l *kerberosLogin) ticket(ctx context.Context, host string) (*kerberosTicket, error) {
	if err := l.logIn(); err != nil {
		return nil, err
	}
	g := l.grant
	own, libs := g.by.Credentials.Domain(), g.by.Config.LibDefaults
	host = brokerHost(ctx, net.DefaultResolver, host, libs.DNSCanonicalizeHostname)
	realm := g.by.Config.ResolveRealm(host)
	service := types.PrincipalName{NameType: nametype.KRB_NT_SRV_HST, NameString: []string{l.service, host}}
	if realm != "" && realm != own {
		between, err := g.ask(types.PrincipalName{NameType: nametype.KRB_NT_SRV_INST, NameString: []string{"krbtgt", realm}}, own, false)
		if err != nil {
			return nil, l.explain(err, own, "krbtgt/"+realm)
		}
		g = between
	} else {
		realm = own
	}
	t, err := g.ask(service, realm, false)
	if err != nil {
		return nil, l.explain(err, realm, service.PrincipalNameString()+"@"+realm)
	}
	return t, nil
}

// ask presents the ticket to a realm's KDC for another one.
func (t *kerberosTicket) ask(service types.PrincipalName, realm string, renew bool) (_ *kerberosTicket, err error) {
	defer recovered(&err, "the KDC's answer is not understood")
	_, rs, err := t.by.TGSREQGenerateAndExchange(service, realm, t.ticket, t.key, renew)
	if err != nil {
		return nil, err
	}
	return newTicket(t.by, rs.Ticket, rs.DecryptedEncPart), nil
}

func newTicket(by *client.Client, t messages.Ticket, d messages.EncKDCRepPart) *kerberosTicket {
	begin := d.StartTime
	if begin.IsZero() {
		begin = d.AuthTime
	}
	return &kerberosTicket{by: by, ticket: t, key: d.Key, auth: d.AuthTime, begin: begin, end: d.EndTime, renews: d.RenewTill, flags: d.Flags.Bytes}
}

// logIn makes sure of a ticket-granting ticket. One that is held is used to its end
// when there is no newer one.
func (l *kerberosLogin) logIn() error {
	if l.grant.fresh(l.window) {
		return nil
	}
	conf, err := loadKrb5(l.config)
	if err == nil {
		err = l.logInBy(conf)
	}
	if err != nil && !l.grant.valid() {
		return err
	}
	return nil
}

// logInBy tries the ticket cache before the key tab, as Krb5LoginModule does.
func (l *kerberosLogin) logInBy(conf *config.Config) error {
	var causes []string
	failed := func(err error) {
		var known *KerberosError
		if errors.As(err, &known) {
			causes = append(causes, known.text)
		} else {
			causes = append(causes, err.Error())
		}
	}
	if l.cache != "" {
		t, err := l.fromCache(conf)
		if err == nil {
			l.grant = t
			l.renewLater()
			return nil
		}
		failed(err)
	}
	if l.useKeyTab {
		t, err := l.fromKeyTab(conf)
		if err == nil {
			l.grant = t
			return nil
		}
		failed(err)
	}
	return &KerberosError{strings.Join(causes, "; ")}
}

// renewLater has a cached ticket renewed in time although nobody connects: once it
// has ended it cannot be renewed. The timer does not keep the login alive.
func (l *kerberosLogin) renewLater() {
	if !l.grant.fresh(l.window) || !l.grant.renews.After(l.grant.end) {
		return
	}
	login := weak.Make(l)
	time.AfterFunc(time.Until(l.grant.renewal(l.window)), func() {
		if l := login.Value(); l != nil {
			l.mu.Lock()
			defer l.mu.Unlock()
			_ = l.logIn() // who connects next asks again and is told
		}
	})
}

// fromCache reads the ticket cache anew, and renews the ticket when it is time, as
// Java's clients have kinit do.
func (l *kerberosLogin) fromCache(conf *config.Config) (*kerberosTicket, error) {
	t, err := readCache(l.cache, conf)
	if err != nil {
		return nil, kerberosErrorf("sasl.jaas.config: the ticket cache %s: %v: run kinit, or use a key tab", l.cache, err)
	}
	who := t.by.Credentials.CName().PrincipalNameString() + "@" + t.by.Credentials.Domain()
	if wanted := l.fullPrincipal(conf); wanted != "" && who != wanted {
		return nil, kerberosErrorf("sasl.jaas.config: the tickets in %s are those of %s, and not of the option principal, %s", l.cache, who, wanted)
	}
	if l.grant != nil && l.grant.end.After(t.end) && l.grant.by.Credentials.CName().Equal(t.by.Credentials.CName()) {
		t = l.grant // was renewed here
	}
	if !t.fresh(l.window) && t.valid() && t.renews.After(t.end) {
		realm := t.by.Credentials.Domain()
		renewed, err := t.ask(types.PrincipalName{NameType: nametype.KRB_NT_SRV_INST, NameString: []string{"krbtgt", realm}}, realm, true)
		if err == nil {
			t = renewed
			_ = writeCache(l.cache, t) // where that is not allowed, it is kept here alone
		}
	}
	if !t.valid() {
		return nil, kerberosErrorf("sasl.jaas.config: the ticket in %s has expired at %s, and this machine's clock says %s: run kinit, or use a key tab",
			l.cache, t.end.UTC().Format(time.RFC3339), time.Now().UTC().Format(time.RFC3339))
	}
	return t, nil
}

func readCache(path string, conf *config.Config) (_ *kerberosTicket, err error) {
	defer recovered(&err, "is damaged")
	cache, err := credentials.LoadCCache(path)
	if err != nil {
		return nil, err
	}
	by, err := client.NewFromCCache(cache, conf, client.DisablePAFXFAST(true))
	if err != nil {
		return nil, err
	}
	realm := cache.GetClientRealm()
	entry, ok := cache.GetEntry(types.PrincipalName{NameType: nametype.KRB_NT_SRV_INST, NameString: []string{"krbtgt", realm}})
	if !ok {
		return nil, errors.New("it holds no ticket-granting ticket")
	}
	t := &kerberosTicket{by: by, key: entry.Key, auth: entry.AuthTime, begin: entry.StartTime, end: entry.EndTime, renews: entry.RenewTill, flags: entry.TicketFlags.Bytes}
	return t, t.ticket.Unmarshal(entry.Ticket)
}

// fromKeyTab logs in with the key of a key tab, which is read anew.
func (l *kerberosLogin) fromKeyTab(conf *config.Config) (*kerberosTicket, error) {
	path := l.keyTab
	if path == "" {
		path = withoutFile(conf.LibDefaults.DefaultKeytabName)
	}
	principal := l.fullPrincipal(conf)
	name, realm, _ := strings.Cut(principal, "@")
	if realm == "" {
		return nil, kerberosErrorf("sasl.jaas.config: the option principal, %s, has no realm, and %s no default_realm: write it as name@REALM", l.principal, l.config)
	}
	keys, err := readKeyTab(path)
	if err != nil {
		return nil, kerberosErrorf("sasl.jaas.config: the key tab (keyTab) %s: %v", path, err)
	}
	if err := useKeysOf(keys, name, realm, conf); err != nil {
		return nil, kerberosErrorf("sasl.jaas.config: the key tab (keyTab) %s %v", path, err)
	}
	by := client.NewWithKeytab(name, realm, keys, conf, client.DisablePAFXFAST(true))
	t, err := firstTicket(by, realm)
	if err != nil {
		return nil, l.explain(err, realm, principal)
	}
	return t, nil
}

func readKeyTab(path string) (keys *keytab.Keytab, err error) {
	defer recovered(&err, "is damaged")
	return keytab.Load(path)
}

func firstTicket(by *client.Client, realm string) (_ *kerberosTicket, err error) {
	defer recovered(&err, "the KDC's answer is not understood")
	rq, err := messages.NewASReqForTGT(realm, by.Config, by.Credentials.CName())
	if err != nil {
		return nil, err
	}
	rs, err := by.ASExchange(realm, rq, 0)
	if err != nil {
		return nil, err
	}
	return newTicket(by, rs.Ticket, rs.DecryptedEncPart), nil
}

// fullPrincipal completes the option principal by the default realm.
func (l *kerberosLogin) fullPrincipal(conf *config.Config) string {
	realm := conf.LibDefaults.DefaultRealm
	if l.principal == "" || strings.Contains(l.principal, "@") || realm == "" {
		return l.principal
	}
	return l.principal + "@" + realm
}

// useKeysOf has the KDC asked for encryption types that the principal has keys of, as
// Java does: it would choose one that the key tab may lack.
func useKeysOf(keys *keytab.Keytab, name, realm string, conf *config.Config) error {
	var principals []string
	have := map[int32]bool{}
	for _, e := range keys.Entries {
		p := strings.Join(e.Principal.Components, "/") + "@" + e.Principal.Realm
		if p == name+"@"+realm {
			have[e.Key.KeyType] = true
		} else if !slices.Contains(principals, p) {
			principals = append(principals, p)
		}
	}
	if len(have) == 0 {
		return fmt.Errorf("has no key of %s (the option principal); its keys are those of %s", name+"@"+realm, strings.Join(principals, ", "))
	}
	types := slices.DeleteFunc(slices.Clone(conf.LibDefaults.DefaultTktEnctypeIDs), func(id int32) bool { return !have[id] })
	if len(types) == 0 {
		return fmt.Errorf("has keys of %s of types only that krb5.conf does not allow (default_tkt_enctypes, allow_weak_crypto)", name+"@"+realm)
	}
	conf.LibDefaults.DefaultTktEnctypeIDs = types
	return nil
}

// recovered turns the library's panic at damaged input into an error.
func recovered(err *error, what string) {
	if r := recover(); r != nil {
		*err = kerberosErrorf("%s (%v)", what, r)
	}
}
