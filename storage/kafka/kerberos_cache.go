package kafka

import (
	"encoding/binary"
	"os"
	"path/filepath"

	"github.com/jcmturner/gokrb5/v8/iana/nametype"
	"github.com/jcmturner/gokrb5/v8/types"
)

// writeCache replaces a ticket cache by one that holds a renewed ticket-granting
// ticket, as kinit -R does, so that other clients and programs have it too.
func writeCache(path string, t *kerberosTicket) error {
	b, err := encodeCache(t)
	if err != nil {
		return err
	}
	fresh, err := os.CreateTemp(filepath.Dir(path), ".krb5cc-") // for its owner only
	if err != nil {
		return err
	}
	defer os.Remove(fresh.Name())
	_, err = fresh.Write(b)
	if cerr := fresh.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(fresh.Name(), path)
	}
	return err
}

// encodeCache makes version 4 of MIT's "Credential cache file format".
func encodeCache(t *kerberosTicket) ([]byte, error) {
	ticket, err := t.ticket.Marshal()
	if err != nil {
		return nil, err
	}
	realm := t.by.Credentials.Domain()
	client := appendPrincipal(nil, t.by.Credentials.CName(), realm)
	b := append([]byte{5, 4, 0, 0}, client...) // no header fields
	b = append(b, client...)
	b = appendPrincipal(b, types.PrincipalName{NameType: nametype.KRB_NT_SRV_INST, NameString: []string{"krbtgt", realm}}, realm)
	b = binary.BigEndian.AppendUint16(b, uint16(t.key.KeyType))
	b = appendData(b, t.key.KeyValue)
	for _, at := range []int64{t.auth.Unix(), t.begin.Unix(), t.end.Unix(), t.renews.Unix()} {
		b = binary.BigEndian.AppendUint32(b, uint32(at))
	}
	b = append(b, 0) // not made for a session key of another ticket
	flags := make([]byte, 4)
	copy(flags, t.flags)
	b = append(b, flags...)
	b = append(b, make([]byte, 8)...) // no addresses, no authorization data
	return appendData(appendData(b, ticket), nil), nil
}

func appendPrincipal(b []byte, name types.PrincipalName, realm string) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(name.NameType))
	b = binary.BigEndian.AppendUint32(b, uint32(len(name.NameString)))
	b = appendData(b, []byte(realm))
	for _, part := range name.NameString {
		b = appendData(b, []byte(part))
	}
	return b
}

func appendData(b, data []byte) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(data))), data...)
}
