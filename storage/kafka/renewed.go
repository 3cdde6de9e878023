package kafka

import (
	"crypto/tls"
	"os"
	"sync"
	"time"
)

// renewed is a client's key and certificate in a file that may be replaced by a newer
// one, as certificates are renewed while workers run: each handshake looks at the
// file. (Java's clients read it once.)
type renewed struct {
	path string
	load func() (*tls.Certificate, error)

	mu   sync.Mutex       // guards what follows
	cert *tls.Certificate // nil before the first handshake
	from os.FileInfo      // of the file that it was read from
}

// get is tls.Config.GetClientCertificate. A file that cannot be read, because it is
// being written, say, is looked at again with the next handshake; what was read
// before serves while it is valid. A certificate that the server cannot make use of
// is not sent, as the one in tls.Config.Certificates would not be.
func (r *renewed) get(rq *tls.CertificateRequestInfo) (*tls.Certificate, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.look(); err != nil && (r.cert == nil || r.ended()) {
		return nil, err
	}
	if rq.SupportsCertificate(r.cert) != nil {
		return &tls.Certificate{}, nil
	}
	return r.cert, nil
}

// look loads the file if it has changed.
func (r *renewed) look() error {
	info, err := os.Stat(r.path)
	if err != nil || r.from != nil && os.SameFile(info, r.from) && info.ModTime().Equal(r.from.ModTime()) && info.Size() == r.from.Size() {
		return err
	}
	cert, err := r.load()
	if err != nil {
		return err
	}
	r.cert, r.from = cert, info
	return nil
}

// ended reports whether the certificate is of no more use.
func (r *renewed) ended() bool {
	return r.cert.Leaf != nil && time.Now().After(r.cert.Leaf.NotAfter)
}
